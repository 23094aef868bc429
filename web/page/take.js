// Take away: the experiment as a file, a command, Python; the numbers and figures of its run.

import { $, download, el } from './dom.js';

/** The experiment in other words. */
const FORMS = {
  file: (file) => file,
  command: (file) => `giantstep run /dev/stdin <<'END'\n${file}END`,
  python: (file) => `import giantstep as gs\n\nexperiment = gs.Experiment.from_toml("""\n${file.replace(/\\/g, '\\\\')}""")\nresults = gs.run(experiment)\nresults.to_pandas()`,
};

export function take(lab) {
  const { server } = lab;
  let kind = 'file';

  $('take-open').addEventListener('click', () => {
    show();
    $('take').showModal();
  });
  for (const button of $('take-kinds').children) {
    button.addEventListener('click', () => {
      kind = button.dataset.kind;
      show();
    });
  }
  $('take-copy').addEventListener('click', () => copy($('take-text').textContent));
  $('take-address').addEventListener('click', () => copy(location.href));
  $('take-file').addEventListener('click', () => download('lab.toml', 'text/plain', lab.file()));
  lab.on('run', () => {
    const link = (ending) => el('a', { href: server.table(lab.run, ending), download: `results.${ending}` }, `table (${ending === 'csv' ? 'CSV' : 'Parquet'})`);
    const tables = ['parquet', 'csv'].filter((ending) => server.table(lab.run, ending)).map(link);
    $('take-downloads').replaceChildren(...tables, el('button', { type: 'button', class: 'quiet', onclick: figures }, 'figures (SVG)'));
  });

  function show() {
    for (const button of $('take-kinds').children) button.setAttribute('aria-pressed', String(button.dataset.kind === kind));
    $('take-text').textContent = FORMS[kind](lab.file());
    $('take-said').textContent = '';
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      $('take-said').textContent = 'copied';
    } catch {
      $('take-said').textContent = 'the browser does not let the page copy: select the text';
    }
  }

  async function figures() {
    for (const { name, svg } of await server.figures(lab.run)) {
      if (svg) download(`${name}.svg`, 'image/svg+xml', svg);
    }
  }
}
