// Drawings of an analysis: the staircase, the floors, the degrees.

import { el, number, set, svg } from './dom.js';

/** In units that are about as large as pixels, whatever the screen. */
const room = () => Math.min(560, Math.max(300, window.innerWidth - 80));
const HEIGHT = 290;

function chosen(analysis, regime) {
  const list = regime.startsWith('fresh') ? analysis.staircase.fresh : analysis.staircase.reused;
  return list[Number(regime.at(-1))];
}

/** The steps that are drawn: until nothing is added any more, and one to see it. */
function shownSteps(stair) {
  if (!stair.dims.length) return 0;
  const last = stair.dims.at(-1);
  const climbs = stair.dims.findIndex((dim) => dim === last) + 1;
  return Math.min(stair.dims.length, Math.max(2, climbs + (last > 0 ? 1 : 0)));
}

function drawing(label, width, height, ...parts) {
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, ...parts);
}

/** The directions that step t adds, from 1. */
function added(stair, t) {
  const known = stair.directions[t - 2] ?? [];
  return stair.directions[t - 1].filter((name) => !known.includes(name));
}

/** Directions learnt step by step. */
export function staircase(analysis, regime) {
  const WIDTH = room();
  const stair = chosen(analysis, regime);
  const whole = Math.max(1, analysis.effective.dimension);
  const steps = shownSteps(stair);
  const dims = [0, ...stair.dims.slice(0, steps)];
  const foot = HEIGHT - 34;
  const x = (t) => 14 + (t * (WIDTH - (WIDTH < 420 ? 70 : 130))) / (steps + 1);
  const y = (dim) => foot - (dim * (foot - 40)) / whole;
  const parts = [];
  for (let dim = 0; dim <= whole; dim += 1) {
    parts.push(svg('line', { class: 'grid', x1: x(0), x2: WIDTH - 8, y1: y(dim), y2: y(dim) }));
  }
  let path = `M${x(0)} ${y(0)}`;
  dims.forEach((dim, t) => {
    path += `V${y(dim)}H${x(t + 1)}`;
  });
  parts.push(svg('path', { class: 'rise', d: `${path}V${y(0)}Z` }), svg('path', { class: 'tread', d: path }));
  const pass = regime.startsWith('reused') ? 'pass' : 'step';
  dims.forEach((dim, t) => {
    const middle = (x(t) + x(t + 1)) / 2;
    parts.push(svg('text', { class: 'soft', x: middle, y: foot + 22, 'text-anchor': 'middle' }, t === 0 ? 'before' : `${pass} ${t}`));
    if (t === 0) return;
    const fresh = added(stair, t);
    fresh.forEach((name, k) => {
      parts.push(svg('text', { x: middle, y: y(dim) - 9 - 17 * (fresh.length - 1 - k), 'text-anchor': 'middle', 'font-weight': 600 },
        set(name)));
    });
    if (!fresh.length && t <= steps) {
      parts.push(svg('text', { class: 'soft', x: middle, y: y(dim) - 9, 'text-anchor': 'middle' }, 'nothing new'));
    }
  });
  const reached = dims.at(-1);
  if (reached < whole) {
    const open = stair.status === 'undecided';
    const missing = analysis.verdicts.map((verdict) => verdict.direction.name).filter((name) => !stair.directions.at(-1)?.includes(name));
    const blind = regime.startsWith('fresh') && analysis.activation.stopped_by ? `: c_${analysis.activation.stopped_by} = 0` : '';
    parts.push(svg('path', { class: 'ghost', d: `M${x(steps + 1)} ${y(reached)}V${y(whole)}H${WIDTH - 8}` }));
    const words = missing.length === whole - reached ? missing.join(', ') : `${whole - reached} more`;
    parts.push(svg('text', { class: open ? 'soft' : 'never', x: WIDTH - 8, y: y(whole) - 9, 'text-anchor': 'end', 'font-weight': 600 },
      set(`${words} ${open ? 'undecided' : `never${blind}`}`)));
  }
  const said = dims.slice(1).map((dim, t) => `${pass} ${t + 1}: ${added(stair, t + 1).join(', ') || 'nothing'}`);
  return drawing(`Staircase. ${said.join('; ')}. ${reached} of ${whole} directions.`, WIDTH, HEIGHT, parts);
}

/** Floors of the test error, before and after each step. */
export function floors(analysis, regime) {
  const WIDTH = room();
  const kappa = regime.startsWith('fresh') ? Number(regime.at(-1)) : 0;
  const steps = shownSteps(chosen(analysis, regime.startsWith('fresh') ? regime : 'fresh0'));
  const { bounded_width: bounded, wide } = analysis.floors;
  const lines = [
    { values: bounded, stroke: 'var(--two)', name: 'bounded width, n ~ d', dash: '' },
    { values: wide[kappa]?.floor ?? [], stroke: 'var(--one)', name: `width and n ~ d${['', '²', '³'][kappa]}`, dash: '7 4' },
  ];
  const all = lines.flatMap(({ values }) => values.slice(0, steps + 1)).filter((value) => value !== null);
  const most = Math.max(1e-9, ...all);
  const foot = HEIGHT - 60;
  const x = (t) => 44 + (t * (WIDTH - 54)) / (steps + 1);
  const y = (value) => foot - (value / most) * (foot - 34);
  const parts = [];
  for (const part of [0, 0.5, 1]) {
    parts.push(svg('line', { class: 'grid', x1: x(0), x2: x(steps + 1), y1: y(part * most), y2: y(part * most) }));
    parts.push(svg('text', { class: 'soft', x: x(0) - 8, y: y(part * most) + 4, 'text-anchor': 'end' }, number(part * most)));
  }
  lines.forEach(({ values, stroke, name, dash }, place) => {
    let path = '';
    values.slice(0, steps + 1).forEach((value, t) => {
      if (value === null) return;
      path += `${path ? 'V' : `M${x(t)} `}${y(value)}H${x(t + 1)}`;
      const changes = t === 0 || values[t - 1] !== value;
      if (changes && (place === 0 || lines[0].values[t] !== value)) {
        parts.push(svg('text', { x: (x(t) + x(t + 1)) / 2, y: y(value) - 7, 'text-anchor': 'middle' }, number(value)));
      }
    });
    if (!path) return;
    parts.push(svg('path', { d: path, fill: 'none', stroke, 'stroke-width': 3, 'stroke-dasharray': dash, 'stroke-linejoin': 'round' }));
    const left = place * Math.min(200, WIDTH / 2 + 20);
    parts.push(svg('line', { x1: left, x2: left + 24, y1: HEIGHT - 10, y2: HEIGHT - 10, stroke, 'stroke-width': 3, 'stroke-dasharray': dash }));
    parts.push(svg('text', { class: 'soft', x: left + 30, y: HEIGHT - 6 }, name));
  });
  for (let t = 0; t <= steps; t += 1) {
    parts.push(svg('text', { class: 'soft', x: (x(t) + x(t + 1)) / 2, y: foot + 20, 'text-anchor': 'middle' }, t === 0 ? 'before' : `step ${t}`));
  }
  const said = bounded.slice(0, steps + 1).map((value, t) => `${t === 0 ? 'before' : `step ${t}`}: ${number(value)}`);
  return drawing(`Floors at bounded width. ${said.join('; ')}.`, WIDTH, HEIGHT, parts);
}

/** The energy of the link in each degree, and what the activation sees of it. */
export function degrees(analysis) {
  const whole = Math.min(900, Math.max(300, window.innerWidth - 80));
  const { energies } = analysis;
  const { coefficients, blind } = analysis.activation;
  const many = Math.min(whole < 600 ? 6 : 10, Math.max(energies.length, 4));
  const variance = Math.max(1e-12, ...energies.slice(1));
  const largest = Math.max(1e-12, ...coefficients.slice(0, many).map(Math.abs));
  const height = 150;
  const foot = height - 26;
  const step = (whole - 20) / many;
  const bar = (value, most, left, name) => {
    const tall = value === null ? 0 : (Math.abs(value) / most) * (foot - 26);
    return [
      svg('rect', { class: name, x: left, y: foot - tall, width: step * 0.3, height: Math.max(tall, 0.6), rx: 2 }),
      tall > 0.5 && svg('text', { x: left + step * 0.15, y: foot - tall - 5, 'text-anchor': 'middle', 'font-size': 11 }, number(value)),
    ].filter(Boolean);
  };
  const parts = [];
  for (let k = 0; k < many; k += 1) {
    const left = 10 + k * step;
    const energy = k < energies.length ? energies[k] : 0;
    const seen = k < coefficients.length ? coefficients[k] : 0;
    parts.push(...bar(energy, variance, left + step * 0.12, 'bar-link'));
    parts.push(...bar(Math.abs(seen) < 1e-9 ? 0 : seen, largest, left + step * 0.5, 'bar-act'));
    const hidden = blind.includes(k) && energy > 1e-12;
    parts.push(svg('text', { class: hidden ? 'never' : 'soft', x: left + step * 0.45, y: foot + 18, 'text-anchor': 'middle', 'font-weight': hidden ? 600 : 400 },
      hidden ? `${k}: not seen` : `${k}`));
  }
  parts.push(svg('line', { class: 'grid', x1: 6, x2: whole - 6, y1: foot, y2: foot }));
  const said = energies.map((value, k) => `degree ${k}: ${number(value)}`).join('; ');
  const key = el('div', { class: 'key' }, el('span', {}, '■ energy of the link'), el('span', {}, '■ c', el('sub', {}, 'k'), ' of the activation'));
  key.children[0].style.color = 'var(--one)';
  key.children[1].style.color = 'var(--five)';
  const picture = svg('svg', { viewBox: `0 0 ${whole} ${height}`, role: 'img', 'aria-label': `Energies. ${said}.` }, parts);
  return el('figure', {}, picture, key);
}
