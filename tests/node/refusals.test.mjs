// What the platform answers before an operation is reached, and what it serves beside the API.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Platen, correlationId, encrypt, tranToken } from './platen.mjs';
import { Sandbox } from './sandbox.mjs';

const limits = { timeout: 30_000 };
const PATH = '/open-api/api/v1/prepay-card/reissue/delivery';
const CLEAR = { userInfo: { userId: 1 }, cardInfo: {}, isDeliveryRequired: false };

const sandbox = await Sandbox.start();
const platen = new Platen(sandbox.origin, sandbox.credentials);

/** Sends a call and checks its refusal, which is always plain. */
async function refused(prepared, status, code, description = '') {
  const answer = await platen.send(prepared);
  const { response, ...others } = JSON.parse(answer.body);
  assert.deepEqual([answer.status, response.code], [status, code], answer.body);
  assert.deepEqual(others, {});
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['x-km-correlation-id'], prepared.headers['X-KM-Correlation-Id']);
  assert.equal(answer.headers['x-km-crypto-key-id'], undefined);
  if (description) assert.equal(response.description, description);
  return answer;
}

/** A plain call whose body is this text, signed. */
const withBody = (text) => platen.prepare(PATH, text);

const withHeaders = (prepared, headers) => ({
  ...prepared,
  headers: { ...prepared.headers, ...headers },
});

test('a changed body, a wrong secret, key or partner: the same answer', limits, async () => {
  const id = correlationId();
  const good = platen.prepare(PATH, CLEAR, { enc: 'A128GCM', id });
  const { accessKey } = sandbox.credentials;
  const otherKey = (accessKey[0] === '0' ? '1' : '0') + accessKey.slice(1);
  const cases = {
    'a changed body': { ...good, body: good.body.replace('"}', 'A"}') },
    'a wrong secret': withHeaders(good, { 'X-KM-Tran-Token': tranToken('wrong', good.body) }),
    'an unknown access key': withHeaders(good, { 'X-KM-Access-Key': otherKey }),
    'an unknown partner': withHeaders(good, { 'X-KM-User-AspId': '999999999999999' }),
    'a token of another form': withHeaders(good, { 'X-KM-Tran-Token': 'KMV1:1:2' }),
  };
  const answers = [];
  for (const prepared of Object.values(cases)) {
    const { status, body, headers } = await refused(prepared, 401, '000_902');
    answers.push({ status, body, headers: { ...headers, date: '' } });
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
});

test('a missing header is named', limits, async () => {
  const optional = ['Content-Type', 'Accept', 'X-KM-Crypto-Key-Id'];
  const good = platen.prepare(PATH, CLEAR);
  const names = Object.keys(good.headers).filter((name) => !optional.includes(name));
  assert.equal(names.length, 6);
  for (const name of names) {
    const { [name]: _, ...headers } = good.headers;
    const told = `Invalid request header. ${name}`;
    await refused({ ...good, headers }, 400, '000_901', told);
  }
});

test('a malformed header is named', limits, async () => {
  for (const [name, value] of [
    ['X-KM-Tran-Time', '2026-11-22T12:00'],
    ['X-KM-Tran-Time', '20261322120000'],
    ['X-KM-Time-Zone', 'CET'],
    ['X-KM-User-AspId', 'abc'],
  ]) {
    const prepared = withHeaders(platen.prepare(PATH, CLEAR), { [name]: value });
    await refused(prepared, 400, '000_901', `Invalid request header. ${name}`);
  }
});

test('an unknown path and another method', limits, async () => {
  for (const path of ['/open-api/api/v1/nothing', '/api/v1/nothing', '/open-api/open-api/api']) {
    await refused({ ...platen.prepare(path, CLEAR) }, 404, '000_905');
  }
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await refused({ ...platen.prepare(PATH, CLEAR), method }, 405, '000_906');
    assert.equal(answer.headers.allow, 'POST');
  }
});

test('a body that is too large, again and again', limits, async () => {
  const large = withBody(JSON.stringify({ ...CLEAR, filler: 'x'.repeat(70 * 1024) }));
  for (let times = 0; times < 20; times += 1) await refused(large, 413, '000_907');
});

test('a body that is no JSON object', limits, async () => {
  const text = withHeaders(platen.prepare(PATH, CLEAR), { 'Content-Type': 'text/plain' });
  await refused(text, 415, '000_908');
  const deep = `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`;
  for (const body of ['{', '', '[]', 'null', '"카드"', '{"a":1}x', '{"a":1', deep]) {
    await refused(withBody(body), 400, '000_909');
  }
});

test('a body that does not open', limits, async () => {
  const good = platen.prepare(PATH, CLEAR, { enc: 'A128GCM' });
  const { 'X-KM-Crypto-Key-Id': _, ...withoutKey } = good.headers;
  await refused({ ...good, headers: withoutKey }, 400, '000_910');
  const unknown = withHeaders(good, { 'X-KM-Crypto-Key-Id': '0'.repeat(32) });
  await refused(unknown, 400, '000_911');
  const encData = encrypt('{}', sandbox.credentials.serverPublicKey, 'A256GCM');
  for (const body of [
    { encData: `${encData.slice(0, -4)}AAAA` },
    { encData: 'a.b.c.d.e' },
    { encData: '' },
    { encData: 1 },
    { encData, beside: 1 },
  ]) {
    await refused(withBody(JSON.stringify(body)), 400, '000_912');
  }
  const noJson = platen.prepare(PATH, '{', { enc: 'A256GCM' });
  await refused(noJson, 400, '000_909');
});

test('fields at fault are named, encrypted as the operation says', limits, async () => {
  for (const [clear, field] of [
    [{}, 'userInfo'],
    [{ userInfo: {} }, 'userId'],
    [{ userInfo: { userId: null } }, 'userId'],
    ['{"userInfo":{"userId":1,"userId":1}}', 'userId'],
    [{ ...CLEAR, userInfo: { userId: '1' } }, 'userId'],
    [{ ...CLEAR, userInfo: { userId: 0 } }, 'userId'],
    [{ ...CLEAR, userInfo: { userId: -1 } }, 'userId'],
    ['{"userInfo":{"userId":1.5}}', 'userId'],
    ['{"userInfo":{"userId":10000000000000000000}}', 'userId'],
    [CLEAR, 'cardInfo.oldCardNo'],
  ]) {
    const answer = await platen.call(PATH, clear, { enc: 'A256GCM' });
    const description = `Invalid input parameter. ${field}`;
    assert.deepEqual(answer.json, { response: { code: '000_002', description } });
    assert.deepEqual([answer.status, answer.enc], [400, 'A256GCM']);
  }
});

test('what real clients send in other lengths is taken', limits, async () => {
  const now = new Date();
  const korea = new Date(now.getTime() + 9 * 3_600_000).toISOString().replace(/\D/g, '');
  const prepared = withHeaders(platen.prepare(PATH, {}), {
    'X-KM-Correlation-Id': `${correlationId()}f`,
    'X-KM-Tran-Time': korea,
    'X-KM-Time-Zone': 'KST',
    'Content-Type': 'application/json; charset=utf-8',
  });
  const answer = platen.open(await platen.send(prepared));
  assert.deepEqual([answer.status, answer.json.response.code], [400, '000_002']);
});

test('what is served beside the API', limits, async () => {
  const get = (path) => platen.send({ method: 'GET', path });
  for (const [path, body] of [['/healthz', /^ok/], ['/readyz', /^ready/], ['/metrics', /# EOF/]]) {
    const answer = await get(path);
    assert.equal(answer.status, 200, path);
    assert.match(answer.body, body);
  }
  const document = JSON.parse((await get('/openapi.json')).body);
  assert.match(document.openapi, /^3\.1\./);
  assert.ok(document.paths[PATH] || document.paths[PATH.replace('/open-api', '')]);
});

test('SIGTERM ends the sandbox while a connection is open', limits, async () => {
  try {
    assert.deepEqual(await sandbox.stop(), { code: 0, signal: null }, sandbox.log.slice(-2_000));
  } finally {
    platen.close();
    sandbox.remove();
  }
});
