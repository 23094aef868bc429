// The experiment of the page: what its controls say, as an experiment file, and in the address.

/** The most giant steps that the page offers. */
export const MOST_STEPS = 12;

/**
 * d, eta / p as decimal logarithms, p as a binary one; a = log n / log d. `exact`: of a control, what a file says in other words
 * than the control would, until it is moved. `also`: keys without a control, by section; false where the page has one of its own and
 * the file leaves it out. Both hold TOML.
 */
export const INITIAL = {
  link: 'z1 + z1*z2', activation: 'relu(x)', inputs: 'gaussian',
  d: 6, a: 1.05, eta: 0.3, p: 4, steps: 2, noise: 0, seeds: 1, reuse: 'fresh', loss: 'squared', exact: {}, also: {},
};

/** The key of each control, with its section. */
const KEYS = {
  inputs: ['', 'inputs'], link: ['target', 'link'], noise: ['target', 'noise'], p: ['network', 'width'],
  activation: ['network', 'activation'], d: ['protocol', 'dimension'], steps: ['protocol', 'steps'], a: ['protocol', 'batch'],
  eta: ['protocol', 'step_size'], reuse: ['protocol', 'reuse'], loss: ['protocol', 'loss'], seeds: ['run', 'seeds'],
};

const rounded = (value, digits) => Number(value.toPrecision(digits));

/** The numbers behind the sliders. */
export function sizes({ d, a, p, eta, exact }) {
  const two = (name, value) => (exact[name] ? value : rounded(value, 2));
  const whole = Math.round(two('d', 10 ** d));
  return { d: whole, n: Math.max(1, Math.round(whole ** a)), p: Math.round(2 ** p), eta: two('eta', 10 ** eta) };
}

const text = (value) => JSON.stringify(value);

/** A value in TOML. */
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value === null || typeof value !== 'object') return text(value);
  const name = (key) => (/^[\w-]+$/.test(key) ? key : text(key));
  return `{ ${Object.entries(value).map(([key, one]) => `${name(key)} = ${literal(one)}`).join(', ')} }`;
}

/** What the controls say in TOML; false at the default. */
function written(experiment) {
  const { link, activation, inputs, a, steps, noise, seeds, reuse, loss, exact } = experiment;
  const { d, p, eta } = sizes(experiment);
  return {
    inputs: inputs !== 'gaussian' && text(inputs), link: text(link), noise: noise > 0 && text(noise), p: text(p), activation: text(activation),
    d: text(d), steps: text(steps), a: text(`d^${rounded(a, 3)}`), eta: text(eta === 1 ? 'p' : `${eta}*p`),
    // More than there are steps: a further step is on the same batch, too.
    reuse: reuse === 'reused' && text(MOST_STEPS), loss: loss !== 'squared' && text(loss), seeds: text(seeds), ...exact,
  };
}

/** The experiment file; `more` are keys by section in the place of others, `sweep` its axes. */
export function toml(experiment, more = {}, sweep = '') {
  const sections = {
    '': { name: text('lab') }, target: {}, network: {}, protocol: {},
    readout: { samples: text('min(n, 20000)') },
    evaluation: { test_samples: 20000, metrics: '["test_error", "weight_cosine", "neurons"]' },
    run: {},
  };
  const said = written(experiment);
  for (const [control, [section, key]] of Object.entries(KEYS)) sections[section][key] = said[control];
  for (const keys of [experiment.also, more]) {
    for (const section of Object.keys(keys)) sections[section] = { ...sections[section], ...keys[section] };
  }
  const lines = (keys) => Object.entries(keys).filter(([, value]) => value !== false && value !== undefined)
    .map(([key, value]) => `${key} = ${value}`);
  const parts = Object.entries(sections).map(([name, keys]) => [...(name ? [`[${name}]`] : []), ...lines(keys)].join('\n'));
  return [...parts, ...(sweep ? [sweep] : [])].join('\n\n') + '\n';
}

/** Every key of a configuration with its value in TOML; those of the top begin with a point. */
function flat(config) {
  const all = {};
  for (const [section, value] of Object.entries(config)) {
    // Inputs may be a table, and are one key all the same.
    const isSection = value && typeof value === 'object' && !Array.isArray(value) && section !== 'inputs';
    for (const [key, one] of Object.entries(isSection ? value : { [section]: value })) all[`${isSection ? section : ''}.${key}`] = literal(one);
  }
  return all;
}

/**
 * The experiment that a file holds, as the program has understood it: its configuration, and the sizes of its points as numbers; `usual`
 * is the configuration of the page's own. Controls are put where they are nearest, and nothing is left out.
 */
export function understood(config, points, usual) {
  if (config.sweep || points.length > 1) {
    throw new Error(`It has ${points.length} points, and Train shows one: run it by \`giantstep run\`, and look at its folder in Watch.`);
  }
  const { target, network, protocol, run, inputs } = config;
  const [size] = points;
  const formula = (value, pattern) => {
    const found = typeof value === 'string' && value.match(pattern);
    return found ? Number(found[1]) : undefined;
  };
  const word = (value) => (typeof value === 'string' ? value : literal(value));
  const experiment = {
    link: target.link, activation: network.activation, inputs: word(inputs),
    d: Math.log10(size.d), a: formula(protocol.batch, /^d\^([0-9.]+)$/) ?? Math.log(size.n) / Math.log(size.d),
    eta: Math.log10(formula(protocol.step_size, /^([0-9.e-]+)\*p$/) ?? size.step_size / size.p), p: Math.log2(size.p),
    steps: protocol.steps, noise: target.noise, seeds: run.seeds, reuse: protocol.reuse > 1 ? 'reused' : 'fresh', loss: word(protocol.loss),
    exact: {}, also: {},
  };
  const [has, had, own] = [flat(config), flat(usual), written(experiment)];
  const controls = Object.fromEntries(Object.entries(KEYS).map(([control, place]) => [place.join('.'), control]));
  for (const place of new Set([...Object.keys(had), ...Object.keys(has)])) {
    const value = has[place] ?? false;
    const control = controls[place];
    if (control && (own[control] || had[place]) !== value) experiment.exact[control] = value;
    if (control || had[place] === has[place]) continue;
    const [section, key] = place.split('.');
    experiment.also[section] = { ...experiment.also[section], [key]: value };
  }
  return experiment;
}

/** A text, deflated, in letters that an address takes. */
export async function packed(content) {
  const stream = new Blob([content]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** The text again. An address of somebody else may hold anything: more than 64 kB are not unpacked. */
export async function unpacked(letters) {
  const binary = atob(letters.replace(/-/g, '+').replace(/_/g, '/'));
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > 65536) throw new Error('the experiment in the address is too long');
    parts.push(value);
  }
  return new TextDecoder().decode(await new Blob(parts).arrayBuffer());
}
