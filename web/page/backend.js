// All that the page asks of the program: a few questions, and runs that tell of themselves.

/** What the program refused: a message, what to do, and where. */
export class Refused extends Error {
  constructor({ message, help, at }, status) {
    super(message);
    Object.assign(this, { help, at, status });
  }
  toString() {
    return this.help ? `${this.message}\n${this.help}` : this.message;
  }
}

async function ask(path, { method = 'GET', body, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  const text = await response.text();
  let error;
  try {
    ({ error } = JSON.parse(text));
  } catch {
    error = { message: text.trim() || `the program answered ${response.status}` };
  }
  throw new Refused(error, response.status);
}

const post = (path, body, signal) => ask(path, { method: 'POST', body, signal });

export const server = {
  /** Results folders can be watched. */
  watches: true,
  /** By how many powers of ten batches are smaller than they might be. */
  less: 0,
  catalogue: () => ask('api/catalogue'),
  /** Whether a link or an activation can be read: `{ link }` or `{ activation }`. */
  read: (typed, signal) => post('api/read', typed, signal),
  /** `of`: gaussian, gaussian_at_once (without what rests on samples), hypercube. */
  analyze: (question, signal) => post('api/analyze', question, signal),
  check: (file, signal) => post('api/check', { file }, signal),
  predict: (file, signal) => post('api/predict', { file }, signal),
  /** Begins the runs of a file, in the place of an earlier run. */
  begin: (file, insteadOf, signal) => post('api/runs', insteadOf ? { file, instead_of: insteadOf } : { file }, signal),
  told: (run) => ask(`api/runs/${run}`),
  stop: (run) => ask(`api/runs/${run}`, { method: 'DELETE' }),
  figures: (run) => ask(`api/runs/${run}/figures`),
  table: (run, ending) => `api/runs/${run}/results.${ending}`,
  folders: () => ask('api/folders'),
  folder: (hash) => ask(`api/folders/${hash}`),
  folderResults: (hash) => ask(`api/folders/${hash}/results`),
  folderFigures: (hash) => ask(`api/folders/${hash}/figures`),
  /** Listens to a run; returns what ends it. `hear` has a function for each name of an event. */
  listen(run, hear) {
    const source = new EventSource(`api/runs/${run}/events`);
    const last = ['done', 'stopped', 'broken'];
    for (const name of ['step', 'failed', 'progress', 'measured', ...last]) {
      source.addEventListener(name, (event) => {
        // The stream ends with these; the browser would open it again.
        if (last.includes(name)) source.close();
        hear[name]?.(JSON.parse(event.data));
      });
    }
    return () => source.close();
  },
};
