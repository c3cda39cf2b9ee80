// The portal as it is read: search, pages, themes, languages, without scripts, by axe.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';

import { Platen } from '../node/platen.mjs';
import { platenJson } from '../node/sandbox.mjs';
import { Portal, SIZES, axe, fits, isClean } from './portal.mjs';

const PAGE = '/api/prepaid-card.reissue';
const TEST_MS_MAX = 600_000;
const limits = { timeout: TEST_MS_MAX };
const PICTURE = process.env.PLATEN_PORTAL_PICTURE;
const PICTURE_BYTES_MAX = 300 * 1024;

const portal = await Portal.start();
after(() => portal.close());

/** Addresses of the pages, from the navigation. */
async function addresses(lang) {
  const page = await portal.page('desktop');
  await portal.open(page, `${lang}/`);
  const links = await page.locator('nav.side a').evaluateAll((all) => all.map((a) => a.pathname));
  await isClean(page);
  assert.ok(links.length > 10, links.join());
  return [...new Set(links)];
}

// Widths matter to one language as to the other, and languages and themes to one width: colours are
// the theme's, and the same on every page.
for (const [size, lang, theme] of [['desktop', '', 'light'], ['phone', '/ko', 'dark']]) {
  const parallel = { ...limits, concurrency: 3 };
  test(`axe finds nothing on any page (${size}, ${theme})`, parallel, async (t) => {
    const pages = (await addresses(lang)).map((path) =>
      t.test(path, limits, async () => {
        const page = await portal.page(size);
        const answer = await portal.open(page, path);
        assert.match(answer.headers()['content-security-policy'], /default-src 'none'/);
        await page.locator('[data-theme-switch]').waitFor();
        await page.emulateMedia({ colorScheme: theme });
        assert.deepEqual(await axe(page), [], path);
        await fits(page);
        await isClean(page);
      }));
    await Promise.all(pages);
  });
}

for (const size of Object.keys(SIZES)) {
  test(`from search to the reissue (${size})`, limits, async () => {
    const page = await portal.page(size);
    await portal.open(page, '/');
    await page.keyboard.press('/');
    const input = page.getByRole('combobox', { name: 'Search' });
    assert.ok(await input.evaluate((element) => element === document.activeElement));
    await input.fill('reissuance');
    const option = page.getByRole('option');
    await option.first().waitFor();
    assert.ok(await option.count() <= 12);
    assert.match(await option.first().textContent(), /Reissuance of Prepaid Card/);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await input.getAttribute('aria-activedescendant'), 'result-0');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**${PAGE}`);
    await page.getByRole('heading', { level: 1, name: /Reissuance of Prepaid Card/ }).waitFor();
    const places = [['003_018', '#code-003_018'], ['oldCardNo', 'cardInfo.oldCardNo']];
    for (const [query, hash] of places) {
      await page.getByRole('combobox', { name: 'Search' }).fill(query);
      await option.first().waitFor();
      await page.keyboard.press('Enter');
      await page.waitForURL((url) => url.hash.endsWith(hash));
      assert.ok(await page.locator(':target').isVisible());
    }
    await page.getByRole('combobox', { name: 'Search' }).fill('qqqqqq');
    await page.getByText('Nothing is found for “qqqqqq”.').waitFor();
    await page.keyboard.press('Escape');
    await fits(page);
    await isClean(page);
  });

  test(`language and theme are switched, and stay (${size})`, limits, async () => {
    const page = await portal.page(size, { colorScheme: 'light' });
    await portal.open(page, `${PAGE}#code-003_018`);
    await page.getByRole('button', { name: 'Dark' }).click();
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    assert.deepEqual(await axe(page), []);
    await page.getByRole('link', { name: '한국어' }).click();
    await page.waitForURL(`**/ko${PAGE}#code-003_018`);
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'ko');
    assert.equal(await ground(), dark);
    await page.getByRole('button', { name: '서명하고 암호화해서 보내기' }).waitFor();
    await page.getByRole('button', { name: '밝게' }).click();
    assert.notEqual(await ground(), dark);
    await page.reload();
    assert.notEqual(await ground(), dark);
    await fits(page);
    await isClean(page);
  });
}

test('a link into what is folded opens it', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, `${PAGE}#code-003_059`);
  await page.locator('[id="code-003_059"]').waitFor();
  assert.ok(await page.locator('[id="code-003_059"]').isVisible());
  await isClean(page);
});

test('what is copied is said', limits, async () => {
  const page = await portal.page('desktop', { permissions: ['clipboard-read', 'clipboard-write'] });
  await portal.open(page, PAGE);
  const code = page.locator('.endpoint code');
  await page.locator('.endpoint').getByRole('button', { name: 'Copy' }).click();
  await page.locator('.endpoint').getByText('Copied').waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied, await code.textContent());
  await isClean(page);
});

test('without scripts all is there but Try It!, search and log', limits, async () => {
  const page = await portal.page('desktop', { javaScriptEnabled: false });
  await portal.open(page, PAGE);
  const scenarios = await platenJson('scenarios', '--format', 'json');
  const own = scenarios.filter(({ operation }) => operation === 'prepaid-card.reissue');
  const text = await page.locator('body').textContent();
  for (const { title, expect } of own) {
    assert.ok(text.includes(title), title);
    assert.ok(text.includes(expect.code), expect.code);
  }
  assert.ok(await page.locator('#try-it').isHidden());
  assert.ok(await page.locator('[data-search]').isHidden());
  assert.ok(await page.locator('noscript').count() > 0);
  const phone = await portal.page('phone', { javaScriptEnabled: false });
  await portal.open(phone, PAGE);
  await phone.locator('details.menu > summary').click();
  await phone.locator('nav.side').getByRole('link').last().click();
  await fits(phone);
  await isClean(phone);
  await isClean(page);
});

for (const size of Object.keys(SIZES)) {
  test(`the log shows calls of any client as they come (${size})`, limits, async () => {
    const page = await portal.page(size);
    await portal.open(page, '/log');
    const { sandbox } = portal;
    const client = new Platen(sandbox.origin, sandbox.credentials);
    const path = '/open-api/api/v1/prepay-card/reissue/delivery';
    const forged = client.prepare(path, { cardInfo: { oldCardNo: '9491339401250765' } });
    forged.body += ' ';
    await client.send(forged);
    const entry = page.locator('.entry', { hasText: forged.headers['X-KM-Correlation-Id'] });
    await entry.locator('summary').click();
    await entry.locator('.call-steps .failed').waitFor();
    assert.match(await entry.locator('.failed').textContent(), /token/i);
    const text = await entry.textContent();
    assert.ok(text.includes(forged.headers['X-KM-Tran-Token']));
    assert.ok(!text.includes('9491339401250765'));
    assert.deepEqual(await axe(page), []);
    await page.getByLabel('Filter').fill('no such call');
    assert.ok(await entry.isHidden());
    await page.getByLabel('Filter').fill('000_902');
    assert.ok(await entry.isVisible());
    await fits(page);
    client.close();
    await isClean(page);
  });
}

test('a page with all that it loads is below 100 KB', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  await page.locator('.results').waitFor({ state: 'attached' });
  const sizes = await page.evaluate(() =>
    [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
      .map(({ name, encodedBodySize }) => [name, encodedBodySize]));
  const sum = sizes.reduce((all, [, size]) => all + size, 0);
  assert.ok(sizes.length > 8 && sum > 10_000, 'the sizes are known');
  assert.ok(sum < 100 * 1024, `${sum} bytes: ${sizes.join(' ')}`);
  await isClean(page);
});

test('the picture is made when asked for', { ...limits, skip: !PICTURE }, async () => {
  const page = await portal.page('desktop', { colorScheme: 'light' });
  await portal.open(page, PAGE);
  await page.getByRole('button', { name: 'Sign, encrypt and send' }).click();
  await page.locator('.result .note.good').waitFor();
  await page.evaluate(() => document.querySelector('.result').scrollIntoView());
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: PICTURE });
  assert.ok(readFileSync(PICTURE).length <= PICTURE_BYTES_MAX);
  await isClean(page);
});
