// The page without a server, as `scripts/wasm.sh` makes it; left out where it was not made.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import { answered, browser, giantstep, taken, trained, visited } from './lab.mjs';

const FOLDER = path.resolve(import.meta.dirname, '../../../target/page');
const skip = fs.existsSync(path.join(FOLDER, 'program.wasm')) ? false : 'target/page is not there: scripts/wasm.sh makes it';
const KINDS = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', wasm: 'application/wasm' };

let site;
let chromium;
const pages = [];

/** A site that hosts files and nothing else. */
function hosted(folder) {
  const server = http.createServer((request, response) => {
    const name = new URL(request.url, 'http://localhost').pathname.replace(/\/$/, '/index.html');
    const file = path.join(folder, name);
    if (!fs.existsSync(file)) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': KINDS[name.split('.').at(-1)] }).end(fs.readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function visit(options) {
  const page = await visited(chromium, { address: `http://127.0.0.1:${site.address().port}/` }, options);
  pages.push(page);
  return page;
}

before(async () => {
  if (skip) return;
  site = await hosted(FOLDER);
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  site?.close();
});

test('each build of the program has less than 1.5 MB as it is sent', { skip }, () => {
  for (const name of ['program.wasm', 'program-relaxed.wasm']) {
    const bytes = zlib.brotliCompressSync(fs.readFileSync(path.join(FOLDER, name)));
    assert.ok(bytes.length < 1.5e6, `${name}: ${bytes.length} bytes`);
  }
});

test('without a server a typed target has the verdict of the command line', { skip }, async () => {
  const page = await visit();
  for (const link of ['z1 + z1*z2 + z1*z2*z3', 'abs(z1)', '(z1 + z1^2 + z2 - z2^2)/2']) {
    assert.equal(await answered(page, link), JSON.parse(giantstep('analyze', link, '--json')).answer);
  }
  await page.fill('#link', 'z1 + thanh(z2)');
  await page.waitForFunction(() => document.querySelector('#link-error .mark')?.dataset.start === '5');
  assert.ok(await page.isHidden('#tab-watch'));
});

test('browsers with and without relaxed SIMD have builds that answer the same', { skip }, async () => {
  const page = await visit();
  const answers = await page.evaluate(async () => Promise.all(['program.wasm', 'program-relaxed.wasm'].map((program) => new Promise((resolve, reject) => {
    const worker = new Worker(`worker.js?program=${program}`, { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data.json ? JSON.parse(data.json).analysis : data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ number: 0, what: 'answer', question: 'analyze', body: '{"link":"z1 + z1*z2","activation":"relu(x)","of":"gaussian_at_once"}' });
  }))));
  for (const { answer } of answers) assert.equal(answer, JSON.parse(giantstep('analyze', 'z1 + z1*z2', '--json')).answer);
});

test('without a server a run has the numbers of the command line to 1e-6', { skip }, async () => {
  const page = await visit();
  await answered(page, 'z1 + z1*z2');
  await page.click('#tab-train');
  await page.fill('#d', '3');
  await page.fill('#seeds', '2');
  await trained(page);
  const file = await taken(page);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'giantstep-page-'));
  fs.writeFileSync(path.join(folder, 'taken.toml'), file);
  const native = JSON.parse(giantstep('run', path.join(folder, 'taken.toml'), '--out', path.join(folder, 'results'), '--json'));
  fs.rmSync(folder, { recursive: true });
  const here = await page.evaluate(async (file) => {
    const { local } = await import('./local.js');
    const { run } = await local.begin(file);
    await new Promise((resolve) => local.listen(run, { done: resolve, broken: resolve }));
    return (await local.told(run)).document;
  }, file);
  assert.equal(here.rows.length, native.rows.length);
  let most = 0;
  here.rows.forEach((row, k) => {
    const other = native.rows[k];
    for (const key of ['point', 'step', 'metric', 'direction', 'group']) assert.equal(row[key], other[key], key);
    most = Math.max(most, Math.abs(row.mean - other.mean) / Math.max(1, Math.abs(other.mean)));
  });
  console.log(`means differ by up to ${most.toExponential(1)}`);
  assert.ok(most < 1e-6, String(most));
  await page.click('#take-open');
  const [csv] = await Promise.all([page.waitForEvent('download'), page.click('#take-downloads a[download="results.csv"]')]);
  assert.match(fs.readFileSync(await csv.path(), 'utf8'), /^point,run,seed,n,d,p,step_size,step,metric,/);
});

test('without a server one more giant step goes on from the last one', { skip }, async () => {
  const page = await visit();
  const { events, longer, alone } = await page.evaluate(async () => {
    const { local } = await import('./local.js');
    const file = (steps) => `link = "z1 + z1*z2"
p = 16
predictions = "none"
[protocol]
d = 100000
steps = ${steps}
n = "d"
eta = "p"
[run]
seeds = 2
`;
    const done = async (run, hear = {}) => {
      await new Promise((resolve) => local.listen(run, { ...hear, done: resolve, broken: resolve }));
      return (await local.told(run)).document.rows;
    };
    const { run: short } = await local.begin(file(2));
    await done(short);
    const { run } = await local.begin(file(3), short);
    const events = [];
    const longer = await done(run, { step: ({ seed, step }) => events.push(`${seed} ${step}`), progress: () => events.push('progress') });
    const { run: other } = await local.begin(file(3));
    return { events, longer, alone: await done(other) };
  });
  assert.deepEqual(longer, alone);
  // The earlier steps are told before any row is touched again.
  for (const seed of [0, 1]) {
    const known = [0, 1, 2].map((step) => events.indexOf(`${seed} ${step}`));
    assert.deepEqual(known, [known[0], known[0] + 1, known[0] + 2], events.join(', '));
    assert.ok(events.indexOf(`${seed} 3`) > known[2]);
  }
});

test('without a server a change ends what runs', { skip }, async () => {
  const page = await visit();
  await page.click('#tab-train');
  await page.fill('#p', '7');
  for (const steps of ['4', '5', '6', '7']) {
    await page.fill('#steps', steps);
    await page.waitForTimeout(250);
  }
  await page.fill('#p', '3');
  await page.fill('#d', '3');
  await page.fill('#steps', '2');
  await trained(page);
  const shown = await page.$$eval('#numbers tbody tr', (rows) => rows.map((row) => row.cells[0].textContent));
  assert.equal(Math.max(...shown.map(Number)), 2);
  // The worker of the last run and those that answer; what was replaced is gone.
  assert.ok(page.workers().length <= 5, String(page.workers().length));
});

test('without a server a phase diagram fills', { skip }, async () => {
  const page = await visit();
  await answered(page, 'z1');
  await page.click('#tab-explore');
  await page.fill('#map-size', '8');
  await page.fill('#map-d', '2');
  await page.click('#map-begin');
  await page.waitForFunction(() => Number(document.getElementById('map').dataset.filled) === 64);
});

test('the page without a server starts at once', { skip }, async () => {
  const page = await visit();
  const { start, step } = await page.evaluate(async () => {
    const { local } = await import('./local.js');
    const file = (steps) => `link = "z1 + z1*z2"
predictions = "none"
[network]
width = 32
[protocol]
dimension = 1000000
steps = ${steps}
batch = 100000
step_size = "p"
[readout]
after = "never"
[evaluation]
test_samples = 10
metrics = ["weight_cosine"]
record = "last"
`;
    const run = async (steps) => {
      const { run } = await local.begin(file(steps));
      const begun = performance.now();
      await new Promise((resolve) => local.listen(run, { done: resolve, broken: resolve }));
      return performance.now() - begun;
    };
    const begun = performance.now();
    await local.begin(file(1));
    const start = performance.now() - begun;
    await run(1);
    const [few, many] = [await run(2), await run(6)];
    return { start, step: (many - few) / 4 };
  });
  console.log(`a worker is ready after ${start.toFixed(0)} ms; a step at p = 32, n = 100000 takes ${step.toFixed(0)} ms`);
  assert.ok(start > 0 && step > 0);
});

test('without a server nobody else is asked, and nothing is complained of', { skip }, () => {
  for (const page of pages) {
    const origin = new URL(page.url()).origin;
    for (const address of page.asked) assert.ok(address.startsWith(origin) || /^(data|blob):/.test(address), address);
    assert.deepEqual(page.complaints, []);
  }
});
