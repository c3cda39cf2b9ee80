// Try It! on the page of the reissue: every scenario, the same call again, the bank, and mistakes.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { platenJson } from '../node/sandbox.mjs';
import { Portal, SIZES, axe, fits, isClean } from './portal.mjs';

const OPERATION = 'prepaid-card.reissue';
const PAGE = `/api/${OPERATION}`;
const TEST_MS_MAX = 600_000;
const limits = { timeout: TEST_MS_MAX };

const portal = await Portal.start();
const all = await platenJson('scenarios', '--format', 'json');
const scenarios = all.filter(({ operation }) => operation === OPERATION);
after(() => portal.close());
before(() => assert.ok(scenarios.length >= 20));

const send = (page) => page.getByRole('button', { name: 'Sign, encrypt and send' }).click();
const code = (page) => page.locator('.result .verdict .said');

/** Sends what is in the form, and waits for an answer of this code. */
async function answers(page, expected) {
  const answered = page.waitForResponse((answer) => answer.url().includes('/reissue/delivery'));
  await send(page);
  const answer = await answered;
  await page.getByRole('button', { name: 'Sign, encrypt and send' }).waitFor();
  assert.equal(await code(page).textContent(), expected);
  return answer;
}

const choose = (page, name) => page.getByLabel('Test data', { exact: true }).selectOption(name);

for (const size of Object.keys(SIZES)) {
  test(`each scenario answers as documented (${size})`, limits, async (t) => {
    const page = await portal.page(size);
    await portal.open(page, PAGE);
    for (const { name, expect } of scenarios) {
      await t.test(name, async () => {
        await choose(page, name);
        const answer = await answers(page, expect.code);
        assert.equal(answer.status(), expect.status);
        const sent = JSON.parse(answer.request().postData());
        assert.deepEqual(Object.keys(sent), ['encData']);
        assert.match(await page.locator('.result .note.good').textContent(), /documented answer/);
        const clear = page.locator('.result .view').first();
        assert.ok((await clear.textContent()).includes(expect.response.response.description));
      });
    }
    await fits(page);
    await isClean(page);
  });

  test(`the same call again does nothing again, and is in the log (${size})`, limits, async () => {
    const page = await portal.page(size);
    await portal.open(page, PAGE);
    await choose(page, 'reissued');
    await answers(page, '000_000');
    const accounts = page.locator('.live .chain > li');
    assert.equal(await accounts.count(), 2);
    assert.ok(await page.locator('.live .journals .is-new .amount').count() > 0);
    assert.match(await accounts.first().textContent(), /SUSPENDED.*TERMINATED/);
    assert.match(await accounts.last().textContent(), /ACTIVE.*new/);
    const first = await page.locator('.result .view').first().textContent();
    const again = page.locator('.result').getByRole('button', { name: 'same call again' });
    await again.click();
    await page.getByText('nothing was done a second time').waitFor();
    assert.equal(await page.locator('.result .view').first().textContent(), first);
    assert.equal(await accounts.count(), 2);
    assert.equal(await page.locator('.live .chain .new').count(), 0);
    assert.equal(await page.locator('.live .journals .is-new .amount').count(), 0);
    assert.equal(await page.locator('.history li').count(), 2);
    await page.getByRole('link', { name: 'Find it in the log' }).click();
    const entries = page.locator('.entry:visible');
    await entries.nth(1).waitFor();
    assert.equal(await entries.count(), 2);
    await page.locator('.entry[open] .call-steps .passed').first().waitFor();
    assert.equal(await page.locator('.entry[open] .call-steps .failed').count(), 0);
    const text = await page.locator('.entry[open]').textContent();
    assert.ok(!/949133940\d{7}/.test(text), 'card numbers are masked');
    await fits(page);
    await isClean(page);
  });
}

test('the three views show what went over the wire', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  const answer = await answers(page, '000_000');
  const headers = await answer.request().allHeaders();
  await page.getByRole('tab', { name: 'As sent' }).click();
  const asSent = await page.getByRole('tabpanel', { name: 'As sent' }).textContent();
  assert.ok(asSent.includes(answer.request().postData()));
  assert.ok(asSent.includes(await answer.text()));
  await page.getByRole('tab', { name: 'Step by step' }).click();
  const steps = page.getByRole('tabpanel', { name: 'Step by step' });
  assert.ok((await steps.textContent()).includes(headers['x-km-tran-token']));
  assert.equal(await steps.locator('table.jwe').count(), 2);
  await page.keyboard.press('ArrowLeft');
  assert.ok(await page.getByRole('tabpanel', { name: 'As sent' }).isVisible());
  await isClean(page);
});

test('A128GCM, plain, the bare path and an id of one\'s own are sent', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  await page.getByText('Options').click();
  await page.getByLabel('Encryption').selectOption('A128GCM');
  await page.locator('#try-id').fill('221108120814-0abcdef');
  const first = await answers(page, '000_000');
  const { encData } = JSON.parse(first.request().postData());
  const header = Buffer.from(encData.split('.')[0], 'base64url').toString();
  assert.equal(JSON.parse(header).enc, 'A128GCM');
  assert.equal((await first.request().allHeaders())['x-km-correlation-id'], '221108120814-0abcdef');
  await page.locator('#try-id').fill('');
  await page.getByLabel('Encryption').selectOption('');
  await page.getByLabel('Base path').selectOption('');
  const plain = await answers(page, '000_000');
  assert.equal(new URL(plain.url()).pathname, '/api/v1/prepay-card/reissue/delivery');
  assert.ok(JSON.parse(plain.request().postData()).userInfo);
  await isClean(page);
});

test('the code to copy is of the call on the screen', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  const bodies = page.locator('#code [data-escapes]');
  const titles = page.locator('#code [data-title]');
  await choose(page, 'mobile-only');
  const { title, request } = scenarios.find(({ name }) => name === 'mobile-only');
  assert.equal(await bodies.count(), 4);
  for (const text of await bodies.allTextContents()) assert.deepEqual(JSON.parse(text), request);
  for (const text of await titles.allTextContents()) assert.ok(text.startsWith(title));
  const typed = { a: '`${x}` \'\'\' \\ " 가' };
  await page.locator('#try-request').fill(JSON.stringify(typed));
  const [node, java, ...others] = await bodies.allTextContents();
  assert.doesNotMatch(node, /[`]|\$\{/);
  const asJavaReads = java.replaceAll('\\\\', '\\');
  for (const text of [node, asJavaReads, ...others]) assert.deepEqual(JSON.parse(text), typed);
  await page.locator('#try-request').fill('{"a":');
  assert.equal((await bodies.allTextContents())[0], node);
  await isClean(page);
});

test('the bank is chosen for one call', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  await choose(page, 'reissued');
  const bank = page.getByLabel('Bank', { exact: true });
  const options = await bank.locator('option').evaluateAll((each) =>
    each.map(({ value, textContent }) => [value, textContent.split(' · ').at(-1)]));
  const quick = options.filter(([value]) => /refuse|answer/.test(value));
  assert.equal(quick.length, 8);
  for (const [value, expected] of quick) {
    await bank.selectOption(value);
    await answers(page, expected);
  }
  await bank.selectOption('');
  await answers(page, '000_000');
  await isClean(page);
});

test('broken JSON is told by line and column, and kept', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  const body = page.getByLabel('Request body');
  const broken = '{\n  "userInfo": {"userId": 9999999999999999999,}\n}';
  await body.fill(broken);
  const note = page.locator('.editor-note');
  assert.match(await note.textContent(), /^Line 2, column 46: a field's name .*“}”/);
  assert.equal(await body.getAttribute('aria-invalid'), 'true');
  let calls = 0;
  page.on('request', (request) => (calls += request.method() === 'POST' ? 1 : 0));
  await send(page);
  assert.equal(await body.inputValue(), broken);
  assert.equal(calls, 0);
  assert.deepEqual(await axe(page), []);
  await page.reload();
  assert.equal(await body.inputValue(), broken);
  const mended = broken.replace(',}', '}');
  await body.fill(mended);
  const answer = await answers(page, '000_002');
  await page.getByRole('tab', { name: 'In clear' }).waitFor();
  assert.ok((await page.locator('.result .view').first().textContent()).includes(mended.trim()));
  assert.equal(answer.status(), 400);
  await isClean(page);
});

test('a field at fault is marked where it is typed and documented', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  const body = page.getByLabel('Request body');
  const text = await body.inputValue();
  await body.fill(text.replace(/"oldCardNo": "\d+"/, '"oldCardNo": "12"'));
  await answers(page, '000_002');
  const row = page.locator('[id="request-cardInfo.oldCardNo"]');
  assert.match(await row.getAttribute('class'), /at-fault/);
  assert.match(await row.locator('.fault').textContent(), /cardInfo\.oldCardNo/);
  const line = Number(await page.locator('.lines .at-fault').textContent());
  assert.ok((await body.inputValue()).split('\n')[line - 1].includes('oldCardNo'));
  assert.match(await page.locator('.editor-note').textContent(), /cardInfo\.oldCardNo/);
  assert.deepEqual(await axe(page), []);
  await choose(page, 'invalid-input');
  await answers(page, '000_002');
  assert.equal(await page.locator('.field.at-fault').getAttribute('id'), 'request-userInfo.userId');
  await choose(page, 'reissued');
  assert.equal(await page.locator('.at-fault').count(), 0);
  await isClean(page);
});

test('a server that is away is said, and nothing typed is lost', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  await answers(page, '000_000');
  const body = page.getByLabel('Request body');
  const typed = (await body.inputValue()).replace('06236', '06237');
  await body.fill(typed);
  await page.context().setOffline(true);
  await send(page);
  await page.getByRole('alert').getByText('does not answer').waitFor();
  assert.equal(await body.inputValue(), typed);
  await page.context().setOffline(false);
  await answers(page, '000_000');
  assert.ok(await page.locator('.problem').isHidden());
  await isClean(page, /Failed to load resource|ERR_INTERNET_DISCONNECTED/);
});

test('without WebCrypto, and without credentials, what to do is said', limits, async () => {
  const bare = await portal.page('desktop');
  await bare.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined }));
  await portal.open(bare, PAGE);
  assert.match(await bare.getByRole('alert').textContent(), /ssh -L \d+:127\.0\.0\.1/);
  await isClean(bare);
  const page = await portal.page('desktop');
  await page.route('**/sandbox/v1/credentials', (route) =>
    route.fulfill({ status: 503, json: { error: 'The database is away.' } }));
  await portal.open(page, PAGE);
  await send(page);
  const alert = page.getByRole('alert').filter({ hasText: 'credentials' });
  assert.match(await alert.textContent(), /The database is away\./);
  await isClean(page, /status of 503/);
});

test('a delivery is moved on, step by step, and lost', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  await answers(page, '000_000');
  const live = page.locator('.live');
  for (const [name, state] of [['Receive', 'RECEIPT'], ['Prepare', 'PRE_SHIPPING'],
    ['Ship', 'SHIPPING']]) {
    await live.getByRole('button', { name, exact: true }).click();
    await live.locator('ins', { hasText: state }).or(live.locator('dd', { hasText: state }))
      .first().waitFor();
  }
  // A new plastic goes out for a lost one.
  await live.getByRole('button', { name: 'Lose', exact: true }).click();
  await live.getByRole('button', { name: 'Receive', exact: true }).waitFor();
  assert.equal(await live.getByRole('button', { name: 'Deliver', exact: true }).count(), 0);
  await isClean(page);
});

test('a call of an earlier visit of the page is sent again', limits, async () => {
  const page = await portal.page('desktop');
  await portal.open(page, PAGE);
  const first = await answers(page, '000_000');
  const id = (await first.request().allHeaders())['x-km-correlation-id'];
  await page.reload();
  const kept = await page.evaluate(() => JSON.stringify(sessionStorage));
  for (const secret of ['secretKey', 'accessKey', 'clientPrivateKey']) {
    assert.ok(!kept.includes(portal.sandbox.credentials[secret]), secret);
  }
  const again = page.waitForResponse((answer) => answer.url().includes('/reissue/delivery'));
  await page.locator('.history').getByRole('button', { name: 'same call again' }).click();
  assert.equal((await (await again).request().allHeaders())['x-km-correlation-id'], id);
  await page.getByText('nothing was done a second time').waitFor();
  await isClean(page);
});
