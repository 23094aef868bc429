// Ask: a target is typed, and the program says what giant steps can learn of it.

import { $, choice, choose, el, later, math, number, set } from './dom.js';
import { degrees, floors, staircase } from './staircase.js';

/** Batches of which the staircase can be shown: where it stands in the analysis. */
const REGIMES = [
  ['fresh0', 'n ~ d'], ['fresh1', 'n ~ d²'], ['fresh2', 'n ~ d³'], ['reused0', 'batch reused'],
];

/** The analysis of Boolean inputs in the form of the other, as far as it goes: a staircase, floors, coefficients. */
function ofBoolean(report) {
  const [, ...steps] = report.chain;
  const product = ({ coordinates }) => coordinates.map((k) => `z${k}`).join(' ') || '1';
  const stair = { dims: steps.map(({ dimension }) => dimension), directions: steps.map(({ directions }) => directions), status: report.status };
  return {
    analysis: {
      answer: report.answer, r: report.r, notes: report.notes, verdicts: [],
      effective: { dimension: report.relevant.length },
      staircase: { fresh: [stair], reused: [] },
      floors: { bounded_width: report.chain.map(({ floor }) => floor), wide: [] },
      leap: { explanation: null }, activation: { warnings: [], stopped_by: null },
    },
    verdicts: {
      columns: [{ name: 'product', meaning: 'of coordinates, each of them 1 or -1' }, { name: 'coefficient', meaning: 'the mean of g times the product' }],
      rows: report.coefficients.slice(0, 64).map((one) => [product(one), number(one.value)]),
    },
  };
}

export function ask(lab) {
  const { server, catalogue } = lab;
  let regime = 'fresh0';
  let reading = {};
  let asking;

  $('activations').replaceChildren(...catalogue.activations.map((value) => el('option', { value })));
  gallery();

  for (const kind of ['link', 'activation']) {
    const input = $(kind);
    input.addEventListener('input', () => read(kind, input.value));
    input.addEventListener('scroll', () => place(kind));
  }
  $('inputs').addEventListener('change', () => {
    const hypercube = $('inputs').value === 'hypercube';
    // Only the direct engine has coordinates, at a cost that grows with d.
    const smaller = hypercube && lab.experiment.d > 3 ? { d: 3 } : {};
    lab.change({ inputs: $('inputs').value, ...smaller }, 'inputs');
  });

  /** What is typed is read at once, and told of under the place where it is wrong. */
  async function read(kind, value) {
    reading[kind]?.abort();
    const { signal } = (reading[kind] = new AbortController());
    try {
      await server.read({ [kind]: value }, signal);
      wrong(kind, null);
      lab.change({ [kind]: value }, kind);
    } catch (error) {
      if (error.name === 'AbortError') return;
      asking?.abort();
      wrong(kind, error);
    }
  }

  function wrong(kind, error) {
    const under = $(`${kind}-error`);
    const input = $(kind);
    (kind === 'link' ? input.parentElement : input).classList.toggle('wrong', Boolean(error));
    input.setAttribute('aria-invalid', String(Boolean(error)));
    if (!error) return under.replaceChildren();
    const { start, end } = error.at ?? { start: 0, end: 0 };
    const mark = el('span', { class: 'mark', 'aria-hidden': 'true' }, '^'.repeat(Math.max(1, end - start)));
    mark.dataset.start = start;
    const help = error.help ? ` — ${error.help}` : '';
    under.replaceChildren(mark, el('span', { class: 'said' }, `${error.message}${help}`));
    place(kind);
    if (kind === 'link') $('answer').classList.add('waiting');
  }

  /** Puts the carets under their characters, whatever was scrolled. */
  function place(kind) {
    const mark = $(`${kind}-error`).querySelector('.mark');
    if (!mark) return;
    const input = $(kind);
    const style = getComputedStyle(input);
    const measure = document.createElement('canvas').getContext('2d');
    measure.font = `${style.fontSize} ${style.fontFamily}`;
    const before = measure.measureText(input.value.slice(0, mark.dataset.start)).width;
    const box = $(`${kind}-error`).getBoundingClientRect();
    const left = input.getBoundingClientRect().left - box.left + parseFloat(style.paddingLeft) - input.scrollLeft;
    mark.style.paddingLeft = `${Math.max(0, left + before)}px`;
    mark.style.fontSize = style.fontSize;
  }

  const analyze = later(40, async (seconds) => {
    asking?.abort();
    const { signal } = (asking = new AbortController());
    const { link, activation, inputs } = lab.experiment;
    $('answer').classList.add('waiting');
    $('answer').dataset.whole = '';
    const question = { link, activation, of: inputs === 'hypercube' ? inputs : 'gaussian' };
    try {
      if (inputs !== 'hypercube') {
        // What is exact comes at once, what rests on samples a moment later.
        lab.analysis = await server.analyze({ ...question, of: 'gaussian_at_once' }, signal);
        show();
      }
      const found = await server.analyze({ ...question, seconds }, signal);
      lab.analysis = found.boolean ? ofBoolean(found.boolean) : found;
      show();
      $('answer').dataset.whole = link;
      if (lab.analysis.sizes) lab.tell('analysis', lab.analysis);
    } catch (error) {
      if (error.name === 'AbortError') return;
      $('answer').textContent = error.toString();
      $('answer').classList.remove('waiting');
    }
  });

  lab.on('experiment', (now, before, by) => {
    for (const kind of ['link', 'activation']) {
      if (by !== kind) {
        $(kind).value = now[kind];
        wrong(kind, null);
      }
    }
    choose($('inputs'), now.inputs);
    if (now.link !== before.link) {
      server.read({ link: now.link }).then(({ mathml }) => {
        $('formula').replaceChildren(...(mathml ? [el('span', {}, math(mathml))] : []));
      }, () => {});
    }
    if (['link', 'activation', 'inputs'].some((key) => now[key] !== before[key])) analyze();
    remark();
  });
  for (const name of ['colours', 'resize']) lab.on(name, () => lab.analysis && show());

  function remark() {
    const parts = [];
    const { inputs } = lab.experiment;
    if (!['gaussian', 'hypercube'].includes(inputs)) parts.push(`The answer is for Gaussian inputs; the experiment has inputs = ${inputs}.`);
    if (inputs === 'hypercube') {
      parts.push('Inputs are independent signs: the answer is for steps at n ~ d, and Train draws every input, at a cost that grows with d.');
    }
    $('remark').replaceChildren(...parts);
    if (lab.analysis?.stopped) {
      $('remark').append(' What is unknown may be known in more time. ', el('button', {
        class: 'quiet', type: 'button', onclick: () => analyze(60),
      }, 'look for a minute'));
    }
  }

  function show() {
    const { analysis, verdicts } = lab.analysis;
    $('answer').textContent = set(analysis.answer);
    $('answer').dataset.plain = analysis.answer;
    $('answer').classList.remove('waiting');
    remark();
    const signs = lab.experiment.inputs === 'hypercube';
    if (signs) regime = 'fresh0';
    $('by-degree').hidden = signs;
    choice($('regimes'), signs ? REGIMES.slice(0, 1) : REGIMES, regime, (value) => {
      regime = value;
      show();
    });
    $('staircase').replaceChildren(staircase(analysis, regime));
    $('floors').replaceChildren(floors(analysis, regime));
    $('degrees').replaceChildren(...(signs ? [] : [degrees(analysis)]));
    table(verdicts);
    const said = [analysis.leap.explanation, ...analysis.activation.warnings, ...analysis.notes].filter(Boolean);
    $('notes').replaceChildren(...said.map((note) => el('li', {}, set(note))));
  }

  function table({ columns, rows }) {
    const head = columns.map(({ name, meaning }) => el('th', { scope: 'col' }, set(name), el('small', {}, set(meaning))));
    const tone = (cell) => (['never', 'unknown'].includes(cell) ? cell : /^(step|pass) /.test(cell) ? 'learnt' : undefined);
    const lines = rows.map(([direction, ...cells]) => el('tr', {}, el('th', { scope: 'row', 'data-plain': direction }, set(direction)),
      cells.map((cell, k) => el('td', { class: tone(cell), 'data-name': set(columns[k + 1].name), 'data-plain': cell }, set(cell)))));
    $('verdicts').replaceChildren(el('thead', {}, el('tr', {}, head)), el('tbody', {}, lines));
  }

  function gallery() {
    $('gallery').replaceChildren(...catalogue.targets.map((target) => el('button', {
      type: 'button', 'data-target': target.name, title: target.source,
      onclick: () => {
        lab.follows = true;
        lab.change({ link: target.link }, 'gallery');
        window.scrollTo({ top: 0, behavior: 'smooth' });
      },
    }, el('b', {}, target.name), el('span', { class: 'set' }, target.mathml ? math(target.mathml) : target.link),
    el('small', {}, set(target.shows)))));
  }
}
