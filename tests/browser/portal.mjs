// A browser, a sandbox, and what is wrong on a page whatever it is about.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { Sandbox } from '../node/sandbox.mjs';

const packages = resolve(process.env.PLATEN_NPM || 'target/npm/browser');
const require = createRequire(join(packages, 'package.json'));
const { chromium } = require('playwright-core');

const BROWSER = process.env.PLATEN_CHROMIUM || '/usr/bin/chromium';
const ACTION_MS_MAX = 20_000;
const AXE_SHOWN_MAX = 5;
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** The two sizes at which everything is tried. */
export const SIZES = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
};

export class Portal {
  /** A browser and a sandbox of the test's own. */
  static async start() {
    const portal = new Portal();
    portal.sandbox = await Sandbox.start();
    portal.origin = portal.sandbox.origin;
    const quiet = ['networking', 'timer-throttling'].map((name) => `--disable-background-${name}`);
    const args = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync', ...quiet];
    // Without a user namespace there is no sandbox to run a browser in; it reads our pages alone.
    args.push('--no-sandbox', '--disable-component-update');
    portal.browser = await chromium.launch({ executablePath: BROWSER, args });
    return portal;
  }

  /** A page that remembers whatever goes wrong on it. */
  async page(size, options = {}) {
    const context = await this.browser.newContext({ viewport: SIZES[size], ...options });
    context.setDefaultTimeout(ACTION_MS_MAX);
    const page = await context.newPage();
    page.wrong = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) page.wrong.push(message.text());
    });
    page.on('pageerror', (error) => page.wrong.push(String(error)));
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.origin && protocol !== 'data:') page.wrong.push(request.url());
    });
    return page;
  }

  async open(page, path) {
    const answer = await page.goto(this.origin + path);
    assert.equal(answer.status(), 200, path);
    return answer;
  }

  async close() {
    await this.browser?.close();
    await this.sandbox?.stop();
    this.sandbox?.remove();
  }
}

/** Nothing went wrong on the page, and it is closed. An answer of 4xx is told by the console. */
export async function isClean(page, expected = /Failed to load resource.* status of 4\d\d/) {
  const wrong = page.wrong.filter((text) => !expected.test(text));
  assert.deepEqual(wrong, [], page.url());
  await page.context().close();
}

/** What axe finds on the page as it is shown, a line each. */
export async function axe(page) {
  // By the debugger: the page's policy lets no script of another origin in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const found = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`));
  return found.slice(0, AXE_SHOWN_MAX);
}

/** The page is as wide as the window: nobody has to scroll sideways. */
export async function fits(page) {
  const [content, width] = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return [scrollWidth, clientWidth];
  });
  assert.ok(content <= width, `${page.url()}: ${content} px of content in ${width} px`);
}
