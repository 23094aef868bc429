// Small helpers over the document; nothing here knows of networks.

export const $ = (id) => document.getElementById(id);

/** An element with properties (`class`, `data-…`, `aria-…`, listeners as `onclick`) and children. */
export function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** The same of a drawing. */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), properties, children);
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

/** MathML that the program has made of a syntax tree: names and numbers alone. */
export function math(text) {
  const parsed = new DOMParser().parseFromString(text ?? '', 'text/html');
  return document.importNode(parsed.body.firstElementChild ?? document.createElement('span'), true);
}

/** Four significant digits, as the command line prints them. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return 'unknown';
  const size = Math.abs(value);
  if (size < 1e-12) return '0';
  if (size >= 1e-4 && size < 1e7) return String(Number(value.toPrecision(4)));
  return value.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e');
}

const over = (digits) => [...digits].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join('');
const under = (digits) => [...digits].map((digit) => '₀₁₂₃₄₅₆₇₈₉'[digit]).join('');

/** Words of the program as they are set: d^2 as d², c_3 as c₃, z1 as z₁, sqrt 2 as √2. */
export const set = (words) => words
  .replace(/\^(\d+)/g, (_, digits) => over(digits))
  .replace(/\b([zc])_?(\d+)\b/g, (_, letter, digits) => letter + under(digits))
  .replace(/sqrt (\d+)/g, '√$1');

/** A count in groups of three digits, `2.0 · 10⁹` where that is long. */
export function count(value) {
  if (value < 1e7) return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  const exponent = Math.floor(Math.log10(value));
  return `${Number((value / 10 ** exponent).toPrecision(3))} · 10${over(String(exponent))}`;
}

export function seconds(value) {
  if (value < 1) return `${Math.round(value * 1e3)} ms`;
  if (value < 60) return `${value.toFixed(1)} s`;
  if (value < 3600) return `${Math.round(value / 60)} min`;
  return `${(value / 3600).toFixed(1)} h`;
}

/** A function that is called when nobody has called it for a while. */
export function later(wait, what) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => what(...values), wait);
  };
}

/** A colour of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Colours of directions, in their order. */
export const DIRECTIONS = ['one', 'two', 'three', 'four', 'five', 'six'];

/** A canvas at the resolution of the screen; returns its context and its size in CSS pixels. */
export function sharp(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/** Buttons of which one is pressed. */
export function choice(container, options, chosen, onchoose) {
  container.replaceChildren(...options.map(([value, label]) => el('button', {
    type: 'button', 'aria-pressed': String(value === chosen), 'data-value': value, onclick: () => onchoose(value),
  }, label)));
}

/** Chooses an option of a menu; one that the menu does not offer stands in it as long as it is chosen. */
export function choose(menu, value, words = value) {
  menu.querySelector('[data-written]')?.remove();
  if (![...menu.options].some((option) => option.value === value)) menu.append(el('option', { value, 'data-written': true }, words));
  menu.value = value;
}

/** Fills a table: columns with their meanings, rows as `{ meaning, cells }`. */
export function tabled(table, columns, rows) {
  table.replaceChildren(
    el('thead', {}, el('tr', {}, columns.map(([name, meaning]) => el('th', { scope: 'col', title: meaning }, name)))),
    el('tbody', {}, rows.map(({ meaning, cells }) => el('tr', { title: meaning }, cells.map((cell) => el('td', {}, String(cell ?? '')))))),
  );
  return table;
}

/** Hands a file to whoever looks on. */
export function download(name, kind, content) {
  const address = URL.createObjectURL(new Blob([content], { type: kind }));
  const link = el('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
