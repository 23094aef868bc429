// The page: what is chosen, who is told when it changes, and the address that keeps it.

import { $, later } from './dom.js';
import { INITIAL, packed, toml, understood, unpacked } from './experiment.js';
import { ask } from './ask.js';
import { train } from './train.js';
import { explore } from './explore.js';
import { watch } from './watch.js';
import { take } from './take.js';

/** The program behind a server, or in the browser itself. */
const isLocal = document.documentElement.dataset.backend === 'local';
const server = isLocal ? (await import('./local.js')).local : (await import('./backend.js')).server;

const TABS = ['ask', 'train', 'explore', 'watch'].filter((name) => name !== 'watch' || server.watches);

/** What all parts of the page share. A part changes the experiment by `change` and hears of it by `on`. */
const lab = {
  server,
  experiment: { ...INITIAL, d: INITIAL.d - server.less },
  tab: 'ask',
  /** The last analysis, and the last run of Train. */
  analysis: null,
  run: null,
  /** Whether sizes follow the target, or were chosen by hand. */
  follows: true,
  heard: {},
  on(name, what) {
    (this.heard[name] ??= []).push(what);
  },
  tell(name, ...values) {
    for (const what of this.heard[name] ?? []) what(...values);
  },
  change(patch, by) {
    const before = this.experiment;
    const kept = Object.entries(before.exact).filter(([control]) => !(control in patch));
    const now = { ...before, ...patch, exact: { ...Object.fromEntries(kept), ...patch.exact } };
    if (JSON.stringify(now) === JSON.stringify(before)) return;
    this.experiment = now;
    told('');
    this.tell('experiment', this.experiment, before, by);
    remember();
  },
  file(more, sweep) {
    return toml(this.experiment, more, sweep);
  },
  open(tab) {
    this.tab = tab;
    for (const name of TABS) {
      const chosen = name === tab;
      $(name).hidden = !chosen;
      $(`tab-${name}`).setAttribute('aria-selected', String(chosen));
      $(`tab-${name}`).tabIndex = chosen ? 0 : -1;
    }
    $('target').hidden = tab === 'watch';
    this.tell('tab', tab);
    remember();
  },
};

let own = '';
async function remember() {
  const address = `#${lab.tab}=${await packed(lab.file())}`;
  own = address;
  history.replaceState(null, '', address);
}

/** What is wrong with the address; nothing any more once something else is chosen. */
function told(words) {
  $('address-error').textContent = words;
  $('address-error').hidden = !words;
}

/** The experiment of a file, which says on this page what it says there. */
async function opened(file) {
  const [{ config, sizes }, usual] = await Promise.all([server.check(file), server.check(toml(INITIAL))]);
  const found = understood(config, sizes, usual.config);
  const again = await server.check(toml(found));
  if (JSON.stringify(again.config) !== JSON.stringify(config)) throw new Error('The page cannot hold all of it: run it by `giantstep run`.');
  return found;
}

/** What the address says: a tab, and an experiment. */
async function recall() {
  if (location.hash === own) return;
  told('');
  const [tab, letters] = location.hash.slice(1).split('=');
  if (letters) {
    try {
      const found = await opened(await unpacked(letters));
      lab.follows = false;
      lab.change(found, 'address');
    } catch (error) {
      told(`The experiment in the address cannot be shown here, and another one is. ${error.message ?? error}`);
    }
  }
  lab.open(TABS.includes(tab) ? tab : lab.tab);
}

$('tab-watch').hidden = !server.watches;
for (const [place, name] of TABS.entries()) {
  const button = $(`tab-${name}`);
  button.addEventListener('click', () => lab.open(name));
  button.addEventListener('keydown', (event) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = TABS[(place + move + TABS.length) % TABS.length];
    lab.open(next);
    $(`tab-${next}`).focus();
  });
}

try {
  lab.catalogue = await server.catalogue();
  for (const part of [ask, train, explore, watch, take]) part(lab);
  await recall();
  lab.tell('experiment', lab.experiment, {}, 'start');
  window.addEventListener('hashchange', recall);
  const scheme = matchMedia('(prefers-color-scheme: dark)');
  scheme.addEventListener('change', () => lab.tell('colours'));
  window.addEventListener('resize', later(200, () => lab.tell('resize')));
  document.documentElement.dataset.ready = 'true';
} catch (error) {
  $('answer').textContent = error.toString();
}
