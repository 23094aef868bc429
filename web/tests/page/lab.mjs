// The program and a browser, for the tests of the page.

import { spawn, execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';

/** The program, which must have been built with the feature `lab`. */
export const PROGRAM = process.env.GIANTSTEP_LAB;
/** Where playwright-core is installed. */
const require = createRequire(path.join(process.env.PLAYWRIGHT, 'package.json'));
const { chromium } = require('playwright-core');

export const giantstep = (...words) => execFileSync(PROGRAM, words, { maxBuffer: 1 << 28, encoding: 'utf8' });

/** A laboratory that is open on a folder of its own. */
export async function opened() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'giantstep-lab-'));
  const program = spawn(PROGRAM, ['lab', '--no-browser', '--port', '0', folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  const address = await new Promise((resolve, reject) => {
    let text = '';
    program.stdout.on('data', (piece) => {
      text += piece;
      if (text.includes('\n')) resolve(text.trim());
    });
    program.on('exit', (code) => reject(new Error(`the laboratory ended with ${code}`)));
  });
  const end = () => new Promise((resolve) => {
    program.on('exit', (code) => {
      fs.rmSync(folder, { recursive: true, force: true });
      resolve(code);
    });
    program.kill('SIGINT');
  });
  return { folder, address, origin: new URL(address).origin, end };
}

export async function browser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
}

/** A page that was let in. What it asked for and what it complained of is kept. */
export async function visited(browser, lab, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  // A machine that has other things to do as well. What never comes, comes in no time.
  page.setDefaultTimeout(300000);
  page.asked = [];
  page.complaints = [];
  page.on('request', (request) => page.asked.push(request.url()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('console', (message) => {
    // A refused formula is an answer of 422, which the browser tells of.
    if (message.type() === 'error' && !message.text().includes('422')) page.complaints.push(message.text());
  });
  await page.goto(lab.address + (options.fragment ?? ''));
  await page.waitForFunction(() => document.documentElement.dataset.ready);
  return page;
}

/** Waits for an answer to what was typed, and returns it; where the machine needs more time than the page takes, it is asked to take more. */
export async function answered(page, link) {
  await page.fill('#link', link);
  await page.waitForFunction((link) => document.getElementById('answer').dataset.whole === link, link);
  const more = page.locator('#remark button');
  if (await more.count()) {
    await more.click();
    await page.waitForFunction((link) => document.getElementById('answer').dataset.whole === link && !document.querySelector('#remark button'), link);
  }
  return page.getAttribute('#answer', 'data-plain');
}

/** Waits until the run of what the controls say has ended, and returns its document. */
export async function trained(page) {
  await page.waitForTimeout(300);
  await page.waitForFunction(() => document.getElementById('train').getAttribute('aria-busy') === 'false'
    && /runs in/.test(document.getElementById('told').textContent));
}

/** What the table of numbers shows. */
export const numbers = (page) => page.$$eval('#numbers tbody tr', (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));

/** The experiment file that the page hands out. */
export async function taken(page) {
  await page.click('#take-open');
  await page.click('[data-kind=file]');
  const file = await page.textContent('#take-text');
  await page.keyboard.press('Escape');
  return file;
}

/** The end of an address with an experiment in it. */
export const fragment = (file) => `#train=${zlib.deflateRawSync(file).toString('base64url')}`;

/** A request with any headers, which no browser would send; its status. */
export function bare(address, headers, method = 'GET', body = '') {
  const { hostname, port, pathname, search } = new URL(address);
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path: pathname + search, method, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject);
    request.end(body);
  });
}
