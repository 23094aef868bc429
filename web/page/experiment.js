// The experiment of the page: what its controls say, as an experiment file, and in the address.

/** d, eta / p as decimal logarithms, p as a binary one; a = log n / log d. */
export const INITIAL = {
  link: 'z1 + z1*z2', activation: 'relu(x)', inputs: 'gaussian',
  d: 6, a: 1.05, eta: 0.3, p: 4, steps: 2, noise: 0, seeds: 1, reuse: 'fresh', loss: 'squared',
};

const rounded = (value, digits) => Number(value.toPrecision(digits));

/** The numbers behind the sliders. */
export function sizes(experiment) {
  const d = Math.round(rounded(10 ** experiment.d, 2));
  return { d, n: Math.max(1, Math.round(d ** experiment.a)), p: 2 ** experiment.p, eta: rounded(10 ** experiment.eta, 2) };
}

const text = (value) => JSON.stringify(value);

/** The experiment file; `more` are keys by section in the place of the usual ones, `sweep` its axes. */
export function toml(experiment, more = {}, sweep = '') {
  const { d, p, eta } = sizes(experiment);
  const sections = {
    target: { link: text(experiment.link), noise: experiment.noise > 0 && experiment.noise },
    network: { width: p, activation: text(experiment.activation) },
    protocol: {
      dimension: d,
      steps: experiment.steps,
      batch: text(`d^${rounded(experiment.a, 3)}`),
      step_size: text(eta === 1 ? 'p' : `${eta}*p`),
      reuse: experiment.reuse === 'reused' && experiment.steps,
      loss: experiment.loss !== 'squared' && text(experiment.loss),
    },
    readout: { samples: text('min(n, 20000)') },
    evaluation: { test_samples: 20000, metrics: '["test_error", "weight_cosine", "neurons"]' },
    run: { seeds: experiment.seeds },
  };
  const top = { name: text('lab'), ...more[''], inputs: experiment.inputs !== 'gaussian' && text(experiment.inputs) };
  const lines = (keys) => Object.entries(keys).filter(([, value]) => value !== false && value !== undefined)
    .map(([key, value]) => `${key} = ${value}`).join('\n');
  const parts = Object.entries(sections).map(([name, keys]) => `[${name}]\n${lines({ ...keys, ...more[name] })}`);
  return [lines(top), ...parts, ...(sweep ? [sweep] : [])].join('\n\n') + '\n';
}

/** The experiment that a file holds, as the program has understood it: its configuration, and its sizes as numbers. */
export function understood(config, size) {
  const { target, network, protocol, run } = config;
  const formula = (value, pattern) => {
    const found = typeof value === 'string' && value.match(pattern);
    return found ? Number(found[1]) : undefined;
  };
  const a = formula(protocol.batch, /^d\^([0-9.]+)$/) ?? Math.log(size.n) / Math.log(size.d);
  const eta = formula(protocol.step_size, /^([0-9.e-]+)\*p$/) ?? size.step_size / size.p;
  return {
    link: target.link, activation: network.activation, inputs: config.inputs === 'hypercube' ? 'hypercube' : 'gaussian',
    d: Math.log10(size.d), a, eta: Math.log10(eta), p: Math.round(Math.log2(size.p)),
    steps: protocol.steps, noise: target.noise, seeds: run.seeds,
    reuse: protocol.reuse > 1 ? 'reused' : 'fresh',
    loss: typeof protocol.loss === 'string' ? protocol.loss : 'squared',
  };
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
