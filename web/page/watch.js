// Watch: results folders, also of runs that go on elsewhere.

import { $, el, seconds, tabled } from './dom.js';
import { COLUMNS, cells } from './rows.js';

const AGAIN = 1500;
/** Rows of a table that are shown. */
const ROWS = 2000;

export function watch(lab) {
  const { server } = lab;
  let chosen = null;
  let timer;
  let known = '';
  let drawn = '';

  lab.on('tab', (tab) => {
    clearTimeout(timer);
    if (tab === 'watch') look();
  });

  /** Looks, and again after a while, as long as somebody looks on. */
  async function look() {
    clearTimeout(timer);
    try {
      await list();
      if (chosen) await show(chosen);
    } catch (error) {
      $('folder').replaceChildren(el('p', { class: 'error', role: 'alert' }, error.toString()));
    }
    if (lab.tab === 'watch') timer = setTimeout(look, AGAIN);
  }

  async function list() {
    const folders = await server.folders();
    const now = JSON.stringify([folders.map(({ folder, name }) => [folder, name]), chosen]);
    if (now === known) return;
    known = now;
    $('folders').replaceChildren(...folders.map(({ folder, name }) => el('li', {}, el('button', {
      type: 'button', 'data-folder': folder, 'aria-current': String(folder === chosen),
      onclick: () => {
        chosen = folder;
        drawn = '';
        look();
      },
    }, name))));
    if (!folders.length) $('folders').replaceChildren(el('li', { class: 'remark' }, 'There are none yet.'));
  }

  /** The means over the seeds, as the command line prints them. */
  function means({ points, rows }) {
    const many = points.length > 1;
    const columns = [...(many ? [['point', 'of the sweep, from 1']] : []), ...COLUMNS, ['seeds', 'of which the mean is taken']];
    const shown = rows.filter((row) => row.neuron === undefined && !row.rank).slice(0, ROWS).map((row) => ({
      meaning: lab.catalogue.metrics[row.metric], cells: [...(many ? [row.point] : []), ...cells(row), row.draws],
    }));
    return el('details', {}, el('summary', {}, `The numbers${rows.length > ROWS ? `, the first ${ROWS}` : ''}`),
      el('div', { class: 'scroll' }, tabled(el('table', { class: 'numbers' }), columns, shown)));
  }

  async function show(folder) {
    const { name, title, link, points, standing } = await server.folder(folder);
    if (folder !== chosen) return;
    const { planned, completed, failed, under_way: busy, missing, strays, seconds_left: left } = standing;
    const ended = completed + failed.length;
    const tell = (what, many) => many > 0 && el('li', {}, `${many} ${what}`);
    const bar = el('progress', { max: planned, value: ended, 'aria-label': 'runs that have ended' });
    const counts = el('ul', { class: 'notes' }, [
      tell('completed', completed), tell('failed', failed.length), tell('under way', busy.length), tell('not begun', missing),
      tell('damaged or foreign files', strays.length),
    ].filter(Boolean));
    const reasons = failed.slice(0, 50).map(({ point, seed, reason }) => el('li', {}, `seed ${seed} ${point}: ${reason}`));
    const head = [
      el('h2', {}, name), title && el('p', {}, title), el('p', { class: 'remark' }, `${link} · ${points} points · ${planned} runs`), bar,
      el('p', { class: 'told', role: 'status' }, `${ended} of ${planned} runs have ended`
        + (missing + busy.length ? `; about ${seconds(left)} of work are left on this machine` : '')),
      counts, reasons.length && el('h3', {}, 'Why runs failed'), reasons.length && el('ul', { class: 'notes' }, reasons),
    ].filter(Boolean);
    const pictures = $('folder').querySelector('.drawn') ?? el('div', { class: 'drawn' });
    $('folder').replaceChildren(...head, pictures);
    const state = `${folder} ${ended}`;
    if (state === drawn) return;
    const [figures, results] = await Promise.all([server.folderFigures(folder), server.folderResults(folder)]);
    if (folder !== chosen) return;
    drawn = state;
    pictures.replaceChildren(means(results), ...figures.map(({ name, svg, reason }) => el('figure', {}, el('figcaption', {}, name), svg
      ? el('img', { alt: `figure ${name}`, src: `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}` })
      : el('p', { class: 'remark' }, reason))));
  }
}
