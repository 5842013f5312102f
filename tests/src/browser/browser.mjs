// Drives a headless Chromium over the pipe of its DevTools, so that no package is needed.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-quic',
  '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars', '--remote-debugging-pipe'];

export class Browser {
  constructor(chromium) {
    this.profile = mkdtempSync(join(tmpdir(), 'live-'));
    this.process = spawn(chromium, [...FLAGS, `--user-data-dir=${this.profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const [, , , input, output] = this.process.stdio;
    Object.assign(this, { input, calls: new Map(), pages: new Map(), number: 0 });
    let text = '';
    output.setEncoding('utf8').on('data', (data) => {
      const messages = (text + data).split('\0');
      text = messages.pop();
      for (const message of messages) this.answer(JSON.parse(message));
    });
  }

  answer({ id, result, error, method, params, sessionId }) {
    if (id === undefined) {
      this.pages.get(sessionId)?.event(method, params);
      return;
    }
    const { resolve, reject } = this.calls.get(id);
    this.calls.delete(id);
    if (error) reject(new Error(error.message));
    else resolve(result);
  }

  send(method, params = {}, sessionId = undefined) {
    this.number += 1;
    const id = this.number;
    this.input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.calls.set(id, { resolve, reject }));
  }

  async open(url, { width = 1440, height = 900, scheme = 'dark', mobile = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.pages.set(sessionId, page);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await page.send(`${domain}.enable`);
    await page.size(width, height, mobile);
    await page.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await page.send('Page.navigate', { url });
    return page;
  }

  async close() {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    await this.send('Browser.close').catch(() => {});
    setTimeout(() => this.process.kill('SIGKILL'), 3000).unref();
    await ended;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

class Page {
  constructor(browser, session) {
    Object.assign(this, { browser, session, problems: [], origins: new Set() });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  event(method, params) {
    if (method === 'Runtime.exceptionThrown') this.problems.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    // A refused request, or a violation of the policy.
    if (method === 'Log.entryAdded' && params.entry.level === 'error') this.problems.push(`${params.entry.text} ${params.entry.url ?? ''}`);
    if (method === 'Network.requestWillBeSent' && /^(http|ws)/.test(params.request.url)) this.origins.add(new URL(params.request.url).origin);
  }

  size(width, height, mobile = false) {
    return this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: mobile ? 2 : 1, mobile });
  }

  // Evaluates an expression in the page, or waits for its promise.
  async get(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  // Waits until an expression is true, and returns its value.
  async until(expression, seconds = 180) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const value = await this.get(`(() => { try { return ${expression} } catch { return false } })()`);
      if (value) return value;
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${expression}; the page says: ${await this.get('document.body.innerText.slice(0, 600)')}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async press(key) {
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', key, text: key.length === 1 ? key : undefined });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', key });
  }

  // Takes a picture of the window, or of the whole page.
  async picture(file, whole = false) {
    const height = whole ? await this.get('document.documentElement.scrollHeight') : null;
    const clip = whole ? { clip: { x: 0, y: 0, width: await this.get('innerWidth'), height, scale: 1 }, captureBeyondViewport: true } : {};
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', ...clip });
    writeFileSync(file, Buffer.from(data, 'base64'));
  }
}

// Commands of a test, one line of JSON each, and an answer for each.
if (process.argv[2]) {
  const browser = new Browser(process.argv[2]);
  const pages = [];
  const commands = {
    async open({ url, ...window }) {
      return pages.push(await browser.open(url, window)) - 1;
    },
    get: ({ page, expression }) => pages[page].get(expression),
    until: ({ page, expression }) => pages[page].until(expression),
    press: ({ page, key }) => pages[page].press(key),
    size: ({ page, width, height }) => pages[page].size(width, height),
    picture: ({ page, file, whole }) => pages[page].picture(file, whole),
    reload: ({ page }) => pages[page].send('Page.reload'),
    // The seconds of the processor that the page has used.
    async seconds({ page }) {
      await pages[page].send('Performance.enable', { timeDomain: 'threadTicks' });
      const { metrics } = await pages[page].send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'TaskDuration').value;
    },
    async heap({ page }) {
      await pages[page].send('HeapProfiler.collectGarbage');
      const { usedSize, backingStorageSize } = await pages[page].send('Runtime.getHeapUsage');
      return usedSize + (backingStorageSize ?? 0);
    },
    problems: async ({ page }) => pages[page].problems.splice(0),
    origins: async ({ page }) => [...pages[page].origins],
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...parts } = JSON.parse(line);
    const answer = await commands[command](parts).then((value) => ({ value: value ?? null }), (error) => ({ error: error.message }));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  await browser.close();
}
