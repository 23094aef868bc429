// Train: sliders, a run at every change of them, and three pictures of it that share a step.

import { $, DIRECTIONS, choose, colour, count, el, later, number, seconds, set, tabled } from './dom.js';
import { MOST_STEPS, sizes } from './experiment.js';
import { COLUMNS, cells } from './rows.js';
import { Curves } from './curves.js';
import { Plane } from './plane.js';

/** What stands beside a slider. */
const SHOWN = {
  d: (e) => `d = ${count(sizes(e).d)}`,
  a: (e) => `a = ${e.a.toFixed(2)}: ${count(sizes(e).n)}`,
  eta: (e) => `η = ${number(sizes(e).eta)} p`,
  p: (e) => String(sizes(e).p),
  steps: (e) => String(e.steps),
  noise: (e) => number(e.noise),
  seeds: (e) => String(e.seeds),
};

/** What a file says in words of its own. */
function asWritten(toml) {
  const value = Number(toml);
  if (Number.isInteger(value)) return count(value);
  return Number.isNaN(value) ? toml.replace(/^"(.*)"$/, '$1') : number(value);
}
const LETTERS = { d: 'd', a: 'n', eta: 'η', p: 'p' };
const words = (name, now) => (now.exact[name] ? `${LETTERS[name] ?? name} = ${asWritten(now.exact[name])}` : SHOWN[name](now));

/** How long a batch serves. */
function batches({ reuse, exact, steps }) {
  const many = Number(exact.reuse ?? MOST_STEPS);
  return reuse === 'reused' && many < steps ? `each for ${many} steps` : reuse;
}

/** The sizes at which a target is worth training, by the k of n ~ d^k that it asks for. */
const WORTH = {
  1: { d: 6, a: 1.05 },
  2: { d: 2.5, a: 2.24 },
  3: { d: 1.8, a: 3.33 },
};

export function train(lab) {
  const { server } = lab;
  /** The run under way or last: its number, and by seed what was measured after each step. */
  let run = null;
  let file = null;
  let hangUp = () => {};
  let runs = false;
  let waiting = false;
  let data = { seeds: new Map(), rows: [], predictions: null, steps: 1 };
  let shown = 0;
  let follows = true;
  let playing;

  const plane = new Plane($('plane'));
  const overlaps = new Curves($('overlaps'), { label: 'Overlaps by giant step', onstep: show });
  const errors = new Curves($('errors'), { label: 'Test error by giant step', onstep: show });

  for (const name of Object.keys(SHOWN)) {
    $(name).addEventListener('input', () => {
      if (['d', 'a', 'steps'].includes(name)) lab.follows = false;
      lab.change({ [name]: Number($(name).value) }, name);
    });
  }
  for (const name of ['reuse', 'loss']) {
    $(name).addEventListener('change', () => lab.change({ [name]: $(name).value }, name));
  }
  $('sizes').addEventListener('click', () => {
    lab.follows = true;
    follow();
  });
  $('more').addEventListener('click', () => {
    lab.follows = false;
    follows = true;
    lab.change({ steps: lab.experiment.steps + 1 }, 'more');
  });
  $('also-less').addEventListener('click', () => lab.change({ also: {} }, 'also'));
  $('stop').addEventListener('click', () => run && server.stop(run).catch(() => {}));
  $('shown').addEventListener('input', () => show(Number($('shown').value)));
  $('play').addEventListener('click', () => (playing ? pause() : play()));
  for (const name of ['metric', 'axis-x', 'axis-y']) $(name).addEventListener('change', draw);

  lab.on('experiment', (now, before) => {
    for (const name of Object.keys(SHOWN)) {
      $(name).value = now[name];
      $(name).parentElement.querySelector('output').textContent = words(name, now);
      $(name).setAttribute('aria-valuetext', words(name, now));
    }
    choose($('reuse'), batches(now));
    choose($('loss'), now.loss);
    also(now);
    $('more').disabled = now.steps >= MOST_STEPS;
    if (now.link !== before.link && before.link) file = null;
    waiting = lab.tab === 'train' && lab.file() !== file;
    busy();
    begin();
  });
  lab.on('analysis', () => lab.follows && follow());
  lab.on('tab', (tab) => {
    if (tab !== 'train') return pause();
    begin();
    draw();
  });
  lab.on('colours', draw);

  /** Keys of a file that no control stands for. */
  function also(now) {
    const of = (section) => Object.entries(now.also[section]).map(([key, value]) => {
      const name = section ? `${section}.${key}` : key;
      return value === false ? `${name} by default` : `${name} = ${value}`;
    });
    const all = Object.keys(now.also).flatMap(of);
    $('also').hidden = !all.length;
    $('also-keys').replaceChildren(...all.map((one) => el('code', {}, one)));
  }

  /** Takes the sizes that the target asks for. */
  function follow() {
    const wanted = lab.analysis?.sizes;
    if (!wanted) return;
    const worth = WORTH[wanted.batch_exponent] ?? WORTH[3];
    const whole = Math.round(10 * (worth.d - server.less / worth.a)) / 10;
    const d = lab.experiment.inputs === 'gaussian' ? whole : Math.min(whole, 3);
    lab.change({ ...worth, d, steps: Math.min(MOST_STEPS, Math.max(2, wanted.steps)) }, 'sizes');
  }

  /** Runs what the controls say, in the place of what runs; the same file is not run again. */
  const begin = later(120, async () => {
    waiting = false;
    busy();
    if (lab.tab !== 'train') return;
    const next = lab.file();
    if (next === file) return;
    file = next;
    hangUp();
    working(true);
    try {
      const begun = await server.begin(next, run);
      if (file !== next) return server.stop(begun.run);
      run = begun.run;
      $('train-error').hidden = true;
      listen(run, lab.experiment.steps);
    } catch (error) {
      if (file !== next) return;
      working(false);
      told(error.toString());
      $('told').textContent = '';
      if (error.status === 422) foresee(next);
    }
  });

  function listen(number, steps) {
    let fresh = { seeds: new Map(), rows: [], predictions: null, steps };
    // While the next run is being asked for, what this one still tells is old.
    const of = file;
    const mine = () => number === run && of === file;
    const take = async () => {
      const { document } = await server.told(number);
      if (!mine() || !document) return;
      fresh.rows = document.rows;
      fresh.predictions = document.predictions[0] ?? null;
      fresh.document = document;
      data = fresh;
      draw();
      summary(document);
    };
    hangUp = server.listen(number, {
      step: ({ seed, step, measured }) => {
        if (!mine()) return;
        if (!fresh.seeds.has(seed)) fresh.seeds.set(seed, []);
        fresh.seeds.get(seed)[step] = measured;
        // The old picture stays until the new one has something to show.
        data = fresh;
        draw();
      },
      progress: ({ done, of }) => mine() && of && ($('told').textContent = `working: ${Math.round((100 * done) / of)} %`),
      failed: ({ seed, reason }) => mine() && told(`seed ${seed}: ${reason}`),
      measured: () => take().catch(() => {}),
      done: () => take().then(() => {
        if (!mine()) return;
        working(false);
        lab.run = number;
        lab.tell('run', number);
      }, (error) => told(error.toString())),
      stopped: () => {
        if (!mine()) return;
        working(false);
        $('told').textContent = 'stopped';
      },
      broken: ({ error }) => mine() && (working(false), told(error.message)),
    });
  }

  /** Theory alone, of what is too dear to run. */
  async function foresee(of) {
    try {
      const found = await server.predict(of);
      if (of !== file) return;
      data = { seeds: new Map(), rows: [], predictions: found.predictions[0] ?? null, steps: lab.experiment.steps };
      draw();
      $('told').textContent = 'Theory alone is shown.';
    } catch {
      // What is wrong was told.
    }
  }

  function working(yes) {
    runs = yes;
    busy();
  }

  /** A change that waits to be run makes what is shown as old as a run does. */
  function busy() {
    $('stop').hidden = !runs;
    $('train').setAttribute('aria-busy', String(runs || waiting));
  }

  function told(words) {
    $('train-error').textContent = words;
    $('train-error').hidden = false;
  }

  function summary(document) {
    const [point] = document.points;
    const engine = point.engine === 'in_law' ? 'in law, at a cost without d' : 'with explicit inputs';
    const agreement = document.compared.map((one) => one.agreement);
    const many = (...kinds) => agreement.filter((one) => kinds.includes(one)).length;
    const parts = [[many('agrees', 'within_spread'), 'within three standard deviations'], [many('finite_size'), 'further, by less than 1/√d'],
      [many('unknown'), 'of unknown spread'], [many('apart'), 'apart']];
    const theory = agreement.length
      ? ` Theory, of ${agreement.length} predictions: ${parts.filter(([some]) => some).map(([some, how]) => `${some} ${how}`).join(', ')}.` : '';
    $('told').textContent = `d = ${count(point.d)}, n = ${count(point.n)}, p = ${point.p}, η = ${number(point.step_size)}; ${engine}; `
      + `${document.runs.completed} of ${document.runs.planned} runs in ${seconds(document.seconds)}.${theory}`;
    lines(document);
  }

  function lines(document) {
    const beside = new Map(document.compared.map((one) => [place(one), one]));
    const columns = [...COLUMNS, ['theory', 'what theory predicts of it'], ['agreement', 'how the two compare, beside the spread over seeds']];
    const rows = document.rows.filter((row) => !row.rank).map((row) => {
      const known = beside.get(place(row));
      const theory = known ? [number(known.prediction.value), known.agreement.replace('_', ' ')] : ['', ''];
      return { meaning: lab.catalogue.metrics[row.metric], cells: [...cells(row), ...theory] };
    });
    tabled($('numbers'), columns, rows);
  }

  const place = (row) => [row.step, row.metric, row.direction, row.group, row.ridge].join(' ');

  /** Shows a step that somebody chose; the last one is followed further. */
  function show(step) {
    follows = step >= data.steps;
    turn(step);
  }

  function turn(step) {
    shown = Math.max(0, Math.min(step, data.steps));
    $('shown').value = shown;
    $('shown-out').textContent = shown;
    overlaps.at(shown);
    errors.at(shown);
    neurons();
  }

  function play() {
    $('play').textContent = '❚❚ pause';
    $('play').setAttribute('aria-pressed', 'true');
    show(0);
    playing = setInterval(() => (shown >= data.steps ? pause() : show(shown + 1)), 800);
  }

  function pause() {
    clearInterval(playing);
    playing = undefined;
    $('play').textContent = '▶ play';
    $('play').setAttribute('aria-pressed', 'false');
  }

  /** The last step of which something is known. */
  function last() {
    const known = [...data.seeds.values()].map((steps) => steps.length - 1);
    return known.length ? Math.max(...known) : data.steps;
  }

  function draw() {
    if (lab.tab !== 'train') return;
    $('shown').max = data.steps;
    axes();
    curves();
    test();
    turn(playing || !follows ? shown : last());
  }

  /** The number of directions of what is shown. */
  function r() {
    const all = [...data.seeds.values()].flat().flat().filter(Boolean);
    const most = all.reduce((most, one) => Math.max(most, one.direction ?? 0), 0);
    return most || data.predictions?.present.reduce((most, one) => Math.max(most, one.direction ?? 0), 0) || 1;
  }

  function axes() {
    const many = r();
    for (const [name, usual] of [['axis-x', 1], ['axis-y', 2]]) {
      const select = $(name);
      if (select.options.length === many) continue;
      select.replaceChildren(...Array.from({ length: many }, (_, k) => el('option', { value: k + 1 }, set(`z${k + 1}`))));
      select.value = Math.min(usual, many);
    }
  }

  const theory = (metric, direction, group) => {
    const values = [];
    for (const one of data.predictions?.present ?? []) {
      if (one.metric === metric && one.direction === direction && one.group === group) values[one.step] = one.value;
    }
    return values;
  };

  function neurons() {
    const [h, v] = [Number($('axis-x').value) || 1, Number($('axis-y').value) || 1];
    const alone = h === v;
    const dots = [];
    for (const steps of data.seeds.values()) {
      const found = new Map();
      for (const one of steps[shown] ?? []) {
        if (one.metric !== 'weight_cosine' || one.neuron === null) continue;
        const dot = found.get(one.neuron) ?? { plus: one.group === '+', x: 0, y: 0 };
        if (one.direction === h) dot.x = one.value;
        if (one.direction === v && !alone) dot.y = one.value;
        found.set(one.neuron, dot);
      }
      dots.push(...found.values());
    }
    // One direction alone has no plane: neurons lie beside each other in their order.
    if (alone) dots.forEach((dot, k) => (dot.y = ((k + 0.5) / dots.length - 0.5) * 0.8));
    const paths = ['+', '-'].map((group) => {
      const [x, y] = [theory('weight_cosine', h, group), theory('weight_cosine', v, group)];
      return { plus: group === '+', points: x.map((value, step) => [value, alone ? 0 : y[step]]).filter((point) => point[1] !== undefined) };
    }).filter(({ points }) => points.length);
    const names = [set(`z${h}`), alone ? '' : set(`z${v}`)];
    const mean = (plus, k) => {
      const group = dots.filter((dot) => dot.plus === plus);
      return number(group.reduce((sum, dot) => sum + dot[k], 0) / Math.max(1, group.length));
    };
    const said = dots.length
      ? `Step ${shown}: ${dots.length} neurons. Means of a > 0: ${mean(true, 'x')} with ${names[0]}${alone ? '' : `, ${mean(true, 'y')} with ${names[1]}`}; `
        + `of a < 0: ${mean(false, 'x')}${alone ? '' : `, ${mean(false, 'y')}`}.`
      : data.rows.length ? 'No neurons are recorded.' : 'No neurons yet.';
    plane.show({ dots, paths, step: shown, names, said });
  }

  const steps = () => Array.from({ length: data.steps + 1 }, (_, step) => step);

  /** Values of each seed by step. */
  function bySeed(fits) {
    return [...data.seeds.values()].map((measured) => measured.map((list) => list?.find((one) => one.neuron === null && fits(one))?.value));
  }

  /** Means over seeds with their standard errors, by step. */
  function means(fits) {
    const [values, spread] = [[], []];
    for (const row of data.rows.filter((row) => row.neuron === undefined && fits(row))) {
      values[row.step] = row.mean;
      spread[row.step] = row.stderr;
    }
    return { values, errors: spread };
  }

  /** The lines of one quantity: seeds, their mean, theory. */
  function quantity(fits, foretold, stroke, dash) {
    const seeds = bySeed(fits);
    const mean = means(fits);
    const whole = mean.values.length ? mean : { values: seeds[0] ?? [], errors: undefined };
    const faint = seeds.length > 1 ? seeds.map((values) => ({ values, stroke, width: 1, dash, alpha: 0.4 })) : [];
    const lines = [...faint, { ...whole, stroke, width: 2.5, dash, points: true }];
    return foretold.length ? [...lines, { values: foretold, stroke: colour('theory'), width: 1.2, dash: [2, 3] }] : lines;
  }

  function curves() {
    const metric = $('metric').value;
    const series = [];
    const key = [];
    const swatch = (name, words, dashed) => {
      const mark = el('i', { class: `swatch${dashed ? ' dashed' : ''}` });
      mark.style.color = name;
      return el('span', {}, mark, words);
    };
    if (metric === 'weight_alignment') {
      const fits = (one) => one.metric === metric;
      series.push(...quantity(fits, theory(metric, null, null), colour('one')));
      key.push(swatch(colour('one'), 'mean over neurons'));
    } else {
      for (let direction = 1; direction <= Math.min(r(), DIRECTIONS.length); direction += 1) {
        const stroke = colour(DIRECTIONS[direction - 1]);
        for (const group of ['+', '-']) {
          const fits = (one) => one.metric === metric && one.direction === direction && one.group === group;
          series.push(...quantity(fits, theory(metric, direction, group), stroke, group === '-' ? [6, 4] : undefined));
        }
        key.push(swatch(stroke, set(`z${direction}`)));
      }
      key.push(swatch(colour('soft'), 'a > 0'), swatch(colour('soft'), 'a < 0', true));
    }
    key.push(swatch(colour('theory'), 'theory', true));
    $('overlaps-key').replaceChildren(...key);
    const cosines = metric === 'weight_cosine' ? [-1.03, 1.03] : metric === 'weight_alignment' ? [0, 1.03] : undefined;
    overlaps.draw(steps(), series, { shown, range: cosines });
  }

  function test() {
    const metric = 'test_error';
    const fits = (one) => one.metric === metric;
    const foretold = theory(metric, null, null);
    const series = quantity(fits, foretold, colour('one'));
    const floors = data.predictions?.floors ?? [];
    const bounded = [];
    for (const floor of floors) if (floor.kind === 'bounded_width') bounded[floor.step] = floor.value;
    const key = [['one', 'measured', ''], ['theory', 'theory', 'dashed']];
    if (bounded.length) {
      series.push({ values: bounded, stroke: colour('two'), width: 2, dash: [8, 4], stepped: true });
      key.push(['two', 'floor of bounded width', 'dashed']);
    }
    for (const [degree, name] of [[1, 'three'], [2, 'five']]) {
      const kernel = floors.find((floor) => floor.kind.kernel === degree);
      if (!kernel) continue;
      series.push({ values: steps().map(() => kernel.value), stroke: colour(name), width: 1.2, dash: [2, 4] });
      key.push([name, `kernels, n ~ d${degree === 2 ? '²' : ''}`, 'dashed thin']);
    }
    $('errors-key').replaceChildren(...key.map(([name, words, kind]) => {
      const mark = el('i', { class: `swatch ${kind}` });
      mark.style.color = colour(name);
      return el('span', {}, mark, words);
    }));
    errors.draw(steps(), series, { shown });
  }
}
