// The program in the browser itself: the answers of `backend.js` from workers of the page, without a server.

import { Refused } from './backend.js';

/** Ended runs that are kept. */
const KEPT = 4;
/** The time in milliseconds that theory may take after a run; what is measured is shown before. */
const PATIENCE = 10000;

/** A module of one instruction that browsers without relaxed SIMD do not know: i8x16.relaxed_swizzle of two splats. */
const RELAXED = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11,
);
const program = WebAssembly.validate(RELAXED) ? 'program-relaxed.wasm' : 'program.wasm';

/** A worker with the program in it. */
class Worked {
  waiting = new Map();
  asked = 0;
  hear = () => {};
  constructor() {
    this.worker = new Worker(new URL(`worker.js?program=${program}`, import.meta.url), { type: 'module' });
    this.worker.onmessage = ({ data: { number, json, refused, broken, name, value } }) => {
      if (name) return this.hear(name, value);
      const { resolve, reject } = this.waiting.get(number);
      this.waiting.delete(number);
      if (refused) reject(new Refused(JSON.parse(refused).error, 422));
      else if (broken) reject(new Refused({ message: `the program failed: ${broken}` }, 500));
      else resolve(JSON.parse(json));
    };
    this.worker.onerror = ({ message }) => this.end(new Refused({ message: `the program failed: ${message}` }, 500));
  }
  ask(what, said = {}) {
    const number = this.asked++;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { resolve, reject });
      this.worker.postMessage({ number, what, ...said });
    });
  }
  /** Ends whatever it does. */
  end(reason = new DOMException('nobody waits any more', 'AbortError')) {
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(reason);
    this.waiting.clear();
    this.ended = true;
  }
}

/** One that answers questions in turn; a question that nobody waits for any more ends it, and the next has a new one. */
class Answering {
  ask(question, body, signal) {
    if (!this.worked || this.worked.ended) this.worked = new Worked();
    const { worked } = this;
    const asked = worked.ask('answer', { question, body: body === undefined ? '' : JSON.stringify(body) });
    let waits = true;
    signal?.addEventListener('abort', () => waits && worked.end());
    // A program that has failed once is not asked again.
    asked.catch((error) => error.status === 500 && worked.end()).finally(() => (waits = false));
    return asked;
  }
}

const quick = new Answering();
const thorough = new Answering();
const theory = new Answering();
const runs = new Map();
let last = 0;

/** The run of a number. */
function known(number) {
  const run = runs.get(number);
  if (!run) throw new Refused({ message: 'there is no such run' }, 404);
  return run;
}

/** Forgets ended runs beyond the last few. */
function tidy() {
  const ended = [...runs].filter(([, run]) => run.ended);
  for (const [number, run] of ended.slice(0, Math.max(0, ended.length - KEPT))) {
    URL.revokeObjectURL(run.table);
    runs.delete(number);
    dismiss(run.worked);
  }
}

/** Ends a worker that has no run any more. */
function dismiss(worked) {
  if (!worked.busy && ![...runs.values()].some((run) => run.worked === worked)) worked.end();
}

function stop(number) {
  const run = runs.get(number);
  if (!run || run.ended) return;
  run.worked.end();
  run.tell('stopped', {});
}

/** What a run tells, kept for whoever listens later. */
class Run {
  log = [];
  listeners = new Set();
  table = '';
  document = null;
  ended = false;
  constructor(worked) {
    this.worked = worked;
    worked.hear = (name, value) => {
      if (name === 'csv') {
        URL.revokeObjectURL(this.table);
        this.table = URL.createObjectURL(new Blob([value], { type: 'text/csv' }));
        return;
      }
      const json = JSON.parse(value);
      const isDocument = name === 'measured' || name === 'done';
      if (isDocument) this.document = json;
      if (name === 'measured') this.late = setTimeout(() => this.cut(), PATIENCE);
      this.tell(name, isDocument ? {} : json);
    };
  }
  /** Theory took too long: what is measured stands. */
  cut() {
    if (this.ended) return;
    this.worked.end();
    this.tell('done', {});
  }
  tell(name, said) {
    // Progress is of the moment.
    if (name !== 'progress') this.log.push([name, said]);
    if (['done', 'stopped', 'broken'].includes(name)) {
      this.ended = true;
      this.worked.busy = false;
      clearTimeout(this.late);
      tidy();
    }
    for (const hear of this.listeners) hear[name]?.(said);
  }
}

export const local = {
  /** A page sees no folders. */
  watches: false,
  /** One thread of WebAssembly is slower by that. */
  less: 1,
  catalogue: () => quick.ask('catalogue'),
  read: (typed) => quick.ask('read', typed),
  analyze: (question, signal) => (question.of === 'gaussian_at_once' ? quick.ask('analyze', question) : thorough.ask('analyze', question, signal)),
  check: (file) => quick.ask('check', { file }),
  predict: (file, signal) => theory.ask('predict', { file }, signal),
  async begin(file, insteadOf) {
    stop(insteadOf);
    // The worker of a run that has ended holds its trainers: a longer one goes on from there.
    const earlier = runs.get(insteadOf)?.worked;
    const worked = earlier && !earlier.ended && !earlier.busy ? earlier : new Worked();
    worked.busy = true;
    try {
      const begun = await worked.ask('begin', { file });
      last += 1;
      runs.set(last, new Run(worked));
      return { run: last, ...begun };
    } catch (error) {
      worked.busy = false;
      dismiss(worked);
      throw error;
    }
  },
  async told(number) {
    const { document } = known(number);
    return { document };
  },
  async stop(number) {
    stop(number);
  },
  async figures(number) {
    const { worked } = known(number);
    return worked.ended ? [] : worked.ask('figures');
  },
  /** CSV alone: what writes Parquet is large. */
  table: (number, ending) => (ending === 'csv' ? runs.get(number)?.table : null),
  folders: async () => [],
  listen(number, hear) {
    const run = known(number);
    for (const [name, said] of run.log) hear[name]?.(said);
    run.listeners.add(hear);
    return () => run.listeners.delete(hear);
  },
};
