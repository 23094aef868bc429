// The program in a worker of the page: answers questions, and works off the runs of one file.

import init, { Runs, answer } from './program.js';

const ready = init({ module_or_path: new URL(new URL(import.meta.url).searchParams.get('program'), import.meta.url) });
let runs;

const answers = {
  answer: ({ question, body }) => answer(question, body),
  begin: ({ file }) => {
    const begun = new Runs(file);
    runs?.free();
    runs = begun;
    return runs.begun();
  },
  figures: () => runs.figures(),
};

onmessage = async ({ data: { number, what, ...said } }) => {
  try {
    await ready;
    postMessage({ number, json: answers[what](said) });
  } catch (error) {
    // The program refuses in JSON; anything else is its end.
    postMessage(typeof error === 'string' ? { number, refused: error } : { number, broken: String(error) });
    return;
  }
  if (what !== 'begin') return;
  try {
    runs.work((name, value) => postMessage({ name, value }));
  } catch (error) {
    postMessage({ name: 'broken', value: JSON.stringify({ error: { message: `the program failed: ${error}` } }) });
  }
};
