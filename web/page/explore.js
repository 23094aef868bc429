// Explore: a phase diagram of how much of the weights lies along the target, coarse first.

import { $, colour, count, el, number, sharp } from './dom.js';

const MARGIN = { left: 62, right: 14, top: 12, bottom: 44 };
/** Exponents of the step size, and decimal logarithms of the dimension, from below to above. */
const UPWARD = { eta: [-1, 1.5], d: [1.5, 3.5] };

/** From 0 to 1: dark to light, told apart by everybody, also in grey (viridis, sampled). */
const SCALE = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
function shade(value) {
  const at = Math.max(0, Math.min(1, value)) * (SCALE.length - 1);
  const [low, part] = [Math.floor(at), at % 1];
  const high = SCALE[Math.min(low + 1, SCALE.length - 1)];
  return `rgb(${SCALE[low].map((from, k) => Math.round(from + part * (high[k] - from))).join(' ')})`;
}

export function explore(lab) {
  const { server } = lab;
  let run = null;
  let hangUp = () => {};
  /** The cells in the order in which they are computed: place, keys, value, the number of cells that it stands for. */
  let cells = [];
  let map = null;
  let at = { i: 0, j: 0 };

  const controls = ['map-y', 'map-d', 'map-to', 'map-steps', 'map-size', 'map-metric'];
  for (const name of controls) {
    $(name).addEventListener('input', () => {
      stop();
      labels();
    });
  }
  $('map-begin').addEventListener('click', begin);
  $('map-stop').addEventListener('click', stop);
  lab.on('experiment', (now, before) => {
    stop();
    // Cells of another target would be taken for those of this one.
    if (['link', 'activation', 'inputs'].every((key) => now[key] === before[key])) return;
    cells = [];
    map = null;
    $('map-told').textContent = '';
    paint();
  });
  lab.on('analysis', ({ sizes: wanted }) => {
    // Up to a little more than what the target asks for.
    $('map-to').value = Math.min(3.5, wanted.batch_exponent + 0.5);
    if (wanted.batch_exponent > 2) $('map-d').value = 1.7;
    labels();
  });
  lab.on('tab', (tab) => tab === 'explore' && paint());
  lab.on('colours', paint);
  new ResizeObserver(paint).observe($('map'));
  labels();

  function labels() {
    const d = 10 ** Number($('map-d').value);
    const words = {
      'map-d': `d = ${count(Number(d.toPrecision(2)))}`, 'map-to': `a = ${$('map-to').value}`,
      'map-steps': $('map-steps').value, 'map-size': `${$('map-size').value} × ${$('map-size').value}`,
    };
    for (const [name, text] of Object.entries(words)) $(name).parentElement.querySelector('output').textContent = text;
    $('map-d-field').hidden = $('map-y').value === 'd';
    const many = lab.analysis?.analysis.r ?? 1;
    if ($('map-metric').options.length !== many + 1) {
      $('map-metric').replaceChildren(el('option', { value: 'all' }, 'alignment with the span of all'),
        ...Array.from({ length: many }, (_, k) => el('option', { value: k + 1 }, `|cosine| with z${k + 1}`)));
    }
  }

  /** Every cell with its keys, coarse first. */
  function plan() {
    const size = Number($('map-size').value);
    const upward = $('map-y').value;
    const [low, high] = UPWARD[upward];
    const to = Number($('map-to').value);
    const x = (i) => 0.4 + ((to - 0.4) * (i + 0.5)) / size;
    const y = (j) => low + ((high - low) * (j + 0.5)) / size;
    const d = Number((10 ** Number($('map-d').value)).toPrecision(2));
    map = { size, upward, to, x, y, low, high, d, steps: Number($('map-steps').value), of: lab.experiment };
    const found = [];
    for (let block = 4; block >= 1; block /= 2) {
      for (let j = 0; j < size; j += block) {
        for (let i = 0; i < size; i += block) {
          if (block < 4 && i % (2 * block) === 0 && j % (2 * block) === 0) continue;
          const batch = `d^${x(i).toFixed(3)}`;
          const keys = upward === 'd'
            ? { 'protocol.batch': batch, 'protocol.dimension': Math.round(10 ** y(j)) }
            : { 'protocol.batch': batch, 'protocol.step_size': `p*d^${y(j).toFixed(3)}` };
          found.push({ i, j, block, keys, value: null });
        }
      }
    }
    return found;
  }

  async function begin() {
    stop();
    cells = plan();
    const told = { steps: map.steps, metric: $('map-metric').value };
    const zip = cells.map(({ keys }) => `  { ${Object.entries(keys).map(([key, value]) => `"${key}" = ${JSON.stringify(value)}`).join(', ')} },`);
    const file = lab.file({
      '': { predictions: '"none"' },
      protocol: { dimension: map.d, steps: map.steps, batch: '"d"' },
      readout: { samples: false, after: '"never"' },
      evaluation: { test_samples: 100, metrics: '["weight_cosine"]', record: '"last"' },
      run: { seeds: 1 },
    }, `[[sweep]]\nzip = [\n${zip.join('\n')}\n]`);
    $('map-error').hidden = true;
    paint();
    try {
      const begun = await server.begin(file, run);
      run = begun.run;
      busy(true);
      listen(run, told);
    } catch (error) {
      $('map-error').textContent = error.toString();
      $('map-error').hidden = false;
    }
  }

  function listen(number, { steps, metric }) {
    let painting = false;
    const mine = () => number === run;
    const value = (measured) => {
      const whole = measured.filter((one) => one.neuron === null);
      if (metric === 'all') return whole.find((one) => one.metric === 'weight_alignment')?.value;
      const both = whole.filter((one) => one.metric === 'weight_cosine' && one.direction === Number(metric));
      return Math.max(...both.map((one) => Math.abs(one.value)));
    };
    hangUp = server.listen(number, {
      step: ({ point, step, measured }) => {
        if (!mine() || step !== steps) return;
        cells[point - 1].value = value(measured);
        if (painting) return;
        painting = true;
        requestAnimationFrame(() => {
          painting = false;
          paint();
        });
      },
      failed: ({ reason }) => {
        if (!mine()) return;
        $('map-error').textContent = `A cell has no value: ${reason}`;
        $('map-error').hidden = false;
      },
      done: () => mine() && (busy(false), paint()),
      stopped: () => mine() && (busy(false), paint()),
      broken: ({ error }) => {
        if (!mine()) return;
        busy(false);
        $('map-error').textContent = error.message;
        $('map-error').hidden = false;
      },
    });
  }

  function stop() {
    if ($('map-stop').hidden) return;
    hangUp();
    server.stop(run).catch(() => {});
    busy(false);
    paint();
  }

  function busy(yes) {
    $('map-stop').hidden = !yes;
    $('explore').setAttribute('aria-busy', String(yes));
  }

  /** The finest cell at a place that has a value. */
  function found(i, j) {
    return cells.filter((cell) => cell.value !== null && cell.i <= i && i < cell.i + cell.block && cell.j <= j && j < cell.j + cell.block).at(-1);
  }

  /** What the lightest colour stands for. */
  const largest = () => Math.max(0.05, ...cells.map((cell) => cell.value ?? 0));

  function frame(width, height) {
    const w = width - MARGIN.left - MARGIN.right;
    const h = height - MARGIN.top - MARGIN.bottom;
    const size = map?.size ?? 12;
    return { w, h, size, x: (i) => MARGIN.left + (i * w) / size, y: (j) => MARGIN.top + h - (j * h) / size };
  }

  function paint() {
    if (lab.tab !== 'explore') return;
    const { context: c, width, height } = sharp($('map'));
    const { w, h, size, x, y } = frame(width, height);
    c.fillStyle = colour('faint');
    c.fillRect(MARGIN.left, MARGIN.top, w, h);
    const most = largest();
    for (const cell of cells) {
      if (cell.value === null || cell.value === undefined) continue;
      c.fillStyle = shade(cell.value / most);
      const [right, top] = [Math.min(size, cell.i + cell.block), Math.min(size, cell.j + cell.block)];
      c.fillRect(x(cell.i), y(top), x(right) - x(cell.i) + 0.5, y(cell.j) - y(top) + 0.5);
    }
    ticks(c, { w, h });
    const filled = cells.filter((cell) => cell.value !== null).length;
    $('map').dataset.filled = filled;
    $('map').dataset.cells = cells.length;
    if (cells.length) {
      c.strokeStyle = colour('ink');
      c.lineWidth = 2;
      c.strokeRect(x(at.i), y(at.j + 1), x(at.i + 1) - x(at.i), y(at.j) - y(at.j + 1));
    }
    tell(filled);
    $('map-most').textContent = number(most);
    const key = sharp($('map-key'));
    for (let k = 0; k < key.width; k += 1) {
      key.context.fillStyle = shade(k / (key.width - 1));
      key.context.fillRect(k, 0, 1.5, key.height);
    }
  }

  function ticks(c, { w, h }) {
    const to = map?.to ?? 2.25;
    const [low, high] = UPWARD[map?.upward ?? 'eta'];
    c.font = '12px system-ui, sans-serif';
    c.fillStyle = colour('soft');
    c.textAlign = 'center';
    for (let exponent = 0.5; exponent <= to; exponent += 0.5) {
      const at = MARGIN.left + ((exponent - 0.4) / (to - 0.4)) * w;
      c.fillText(exponent.toFixed(1), at, MARGIN.top + h + 16);
      if (exponent % 1 !== 0) continue;
      c.strokeStyle = colour('ink');
      c.globalAlpha = 0.35;
      c.setLineDash([4, 4]);
      c.beginPath();
      c.moveTo(at, MARGIN.top);
      c.lineTo(at, MARGIN.top + h);
      c.stroke();
      c.setLineDash([]);
      c.globalAlpha = 1;
    }
    c.fillText('a: batches of n = d^a', MARGIN.left + w / 2, MARGIN.top + h + 36);
    c.textAlign = 'right';
    for (let tick = Math.ceil(low * 2) / 2; tick <= high; tick += 0.5) {
      const at = MARGIN.top + h - ((tick - low) / (high - low)) * h;
      const label = map?.upward === 'd' ? count(Math.round(10 ** tick)) : tick.toFixed(1);
      c.fillText(label, MARGIN.left - 8, at + 4);
    }
    c.save();
    c.translate(14, MARGIN.top + h / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = 'center';
    c.fillText(map?.upward === 'd' ? 'd' : 'b: steps of η = p d^b', 0, 0);
    c.restore();
  }

  function tell(filled) {
    if (!cells.length) return;
    const cell = found(at.i, at.j);
    const { 'protocol.batch': batch, ...other } = (cell ?? cells[0]).keys;
    const place = [`n = ${batch}`, ...Object.entries(other).map(([key, value]) => `${key.split('.')[1].replace('_', ' ')} = ${value}`)].join(', ');
    $('map-told').textContent = `${filled} of ${cells.length} cells. ${cell ? `${place}: ${number(cell.value)}` : ''}`;
  }

  function under(event) {
    const box = $('map').getBoundingClientRect();
    const { w, h, size } = frame(box.width, box.height);
    const i = Math.floor(((event.clientX - box.left - MARGIN.left) / w) * size);
    const j = Math.floor((1 - (event.clientY - box.top - MARGIN.top) / h) * size);
    return i >= 0 && j >= 0 && i < size && j < size ? { i, j } : null;
  }

  $('map').addEventListener('pointermove', (event) => {
    const place = under(event);
    if (!place || !cells.length) return;
    at = place;
    paint();
  });
  $('map').addEventListener('click', (event) => {
    const place = under(event);
    if (place) enter(place);
  });
  $('map').addEventListener('keydown', (event) => {
    const move = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === 'Enter') return enter(at);
    if (!move || !map) return;
    event.preventDefault();
    const inside = (value) => Math.max(0, Math.min(map.size - 1, value));
    at = { i: inside(at.i + move[0]), j: inside(at.j + move[1]) };
    paint();
  });

  /** Opens a cell in Train: its experiment, to the last digit. */
  function enter({ i, j }) {
    const cell = cells.find((one) => one.i === i && one.j === j);
    if (!cell) return;
    const { 'protocol.batch': batch, 'protocol.dimension': dimension = map.d, 'protocol.step_size': rate } = cell.keys;
    const d = Math.log10(dimension);
    const exact = { ...map.of.exact, a: JSON.stringify(batch), d: String(dimension), ...(rate && { eta: JSON.stringify(rate) }) };
    lab.follows = false;
    lab.change({ ...map.of, a: map.x(i), d, eta: rate ? map.y(j) * d : map.of.eta, steps: map.steps, seeds: 1, exact }, 'map');
    lab.open('train');
  }
}
