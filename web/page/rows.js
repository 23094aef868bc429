// Rows of results, means over seeds, as they stand in tables.

import { number } from './dom.js';

/** Columns with their meanings. */
export const COLUMNS = [
  ['step', 'giant steps taken; 0 is the network as drawn'],
  ['metric', 'what is measured; each row explains its own'],
  ['direction', 'of the target, from 1'],
  ['a', 'neurons with a positive or a negative weight in the second layer'],
  ['ridge', 'the penalty of the readout'],
  ['measured', 'mean over the seeds'],
  ['error', 'standard error of that mean'],
];

/** The cells of a row below them. */
export const cells = (row) => [
  row.step, row.metric, row.direction, row.group, row.ridge === undefined || row.ridge === null ? '' : number(row.ridge),
  number(row.mean), row.stderr ? number(row.stderr) : '',
];
