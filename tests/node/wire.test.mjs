// What the portal's page sends, against the client in Node, both ways; and how it reads JSON.

import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import * as node from './platen.mjs';

/** A module of the page; by its text, as older versions take such a file for CommonJS. */
const load = (name) => {
  const file = new URL(`../../server/src/portal/assets/${name}`, import.meta.url);
  return import(`data:text/javascript;base64,${readFileSync(file).toString('base64')}`);
};
globalThis.crypto ??= webcrypto;
const [wire, json] = [await load('wire.js'), await load('json.js')];

const encoding = { type: 'spki', format: 'pem' };
const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: encoding,
    privateKeyEncoding: { ...encoding, type: 'pkcs8' },
  });
const [server, client] = [pair(), pair()];
const credentials = {
  aspId: '000170000000000',
  accessKey: '0123456-0123456789abcdef0123456789abcdef',
  secretKey: 'Jefe',
  cryptoKeyId: '0123456789abcdef0123456789abcdef',
  serverPublicKey: server.publicKey,
  clientPrivateKey: client.privateKey,
};
const path = '/open-api/api/v1/prepay-card/reissue/delivery';
const NOW = new Date(Date.UTC(2022, 10, 8, 12, 8, 14, 608));
/** A member id that no double holds. */
const CLEAR = '{"userInfo": {"userId": 9999999999999999999}, "이름": "카드"}\n';

test('a token is the HMAC of the bytes under the text of the secret', async () => {
  // RFC 4231, case 2: key "Jefe", data "what do ya want for nothing?".
  const mac = Buffer.from(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    'hex',
  ).toString('base64');
  const bytes = new TextEncoder().encode('what do ya want for nothing?');
  const made = await wire.tranToken('Jefe', bytes, NOW);
  const token = `KMV1:20221108120814608:${mac}`;
  assert.deepEqual(made, { time: '20221108120814608', mac, token });
  assert.equal(token, node.tranToken('Jefe', bytes, NOW));
  assert.match(wire.correlationId(NOW), /^221108120814-[0-9a-f]{7}$/);
});

test('a plain call goes as it was typed, signed byte for byte', async () => {
  const made = await wire.prepare({ credentials, path, clear: CLEAR, now: NOW, id: 'an id' });
  assert.equal(made.body, CLEAR);
  assert.equal(made.bodyBytes, Buffer.byteLength(CLEAR));
  const headers = Object.fromEntries(made.headers);
  assert.deepEqual(headers, {
    'Content-Type': 'application/json',
    Accept: 'application/json',
    'X-KM-User-AspId': credentials.aspId,
    'X-KM-Correlation-Id': 'an id',
    'X-KM-Access-Key': credentials.accessKey,
    'X-KM-Crypto-Key-Id': credentials.cryptoKeyId,
    'X-KM-Tran-Token': node.tranToken('Jefe', CLEAR, NOW),
    'X-KM-Tran-Time': '20221108120814',
    'X-KM-Time-Zone': 'UTC',
  });
  const bare = await wire.prepare({ credentials, path, clear: CLEAR, withKeyId: false });
  assert.ok(!bare.headers.some(([name]) => name === 'X-KM-Crypto-Key-Id'));
});

for (const enc of ['A128GCM', 'A256GCM']) {
  test(`what the page encrypts with ${enc} opens in Node`, async () => {
    const made = await wire.prepare({ credentials, path, clear: CLEAR, enc });
    const { encData, ...more } = JSON.parse(made.body);
    assert.deepEqual(more, {});
    const opened = node.decrypt(encData, server.privateKey);
    assert.deepEqual(opened, { clear: CLEAR, enc, otherHeaders: {} });
    assert.equal(made.jwe.header, `{"alg":"RSA-OAEP-256","enc":"${enc}"}`);
    const lengths = made.jwe.parts.slice(1).map(({ bytes }) => bytes);
    assert.deepEqual(lengths, [256, 12, Buffer.byteLength(CLEAR), 16]);
    const again = await wire.prepare({ credentials, path, clear: CLEAR, enc });
    assert.notEqual(again.body, made.body);
  });

  test(`what Node encrypts with ${enc} opens in the page`, async () => {
    const clear = '{"response":{"code":"000_000"},"번호":9999999999999999999}';
    const encData = node.encrypt(clear, client.publicKey, enc);
    const answer = { status: 200, headers: [], body: JSON.stringify({ encData }) };
    const opened = await wire.open(answer, credentials);
    assert.equal(opened.clear, clear);
    assert.equal(opened.jwe.enc, enc);
    assert.deepEqual(opened.response, { code: '000_000' });
    const parts = encData.split('.');
    for (const at of [0, 1, 2, 3, 4]) {
      const other = parts[at].startsWith('A') ? 'B' : 'A';
      const changed = [...parts];
      changed[at] = other + parts[at].slice(1);
      const opening = wire.decrypt(changed.join('.'), client.privateKey);
      await assert.rejects(opening, { reason: 'bad-jwe' });
    }
  });
}

test('what another implementation encrypted opens', async () => {
  const vector = (name) =>
    readFileSync(new URL(`../../crypto/src/jwe/vectors/${name}`, import.meta.url), 'utf8').trim();
  for (const name of ['jwe_a128gcm.txt', 'jwe_a256gcm.txt']) {
    const clear = await wire.decrypt(vector(name), vector('jwe_test_key.pem'));
    assert.equal(clear, '{"userId":50000104652}', name);
  }
});

test('a large body is signed and encrypted', async () => {
  const clear = JSON.stringify({ text: '카'.repeat(100_000) });
  const made = await wire.prepare({ credentials, path, clear, enc: 'A256GCM' });
  const { encData } = JSON.parse(made.body);
  assert.equal(node.decrypt(encData, server.privateKey).clear, clear);
});

test('what cannot be used is said with its reason', async () => {
  const call = { credentials, path, clear: '{}', enc: 'A128GCM' };
  const without = (name) => ({ ...call, credentials: { ...credentials, [name]: '' } });
  for (const name of ['secretKey', 'accessKey', 'aspId', 'serverPublicKey']) {
    await assert.rejects(wire.prepare(without(name)), { reason: 'bad-credentials' }, name);
  }
  const plain = (body) => wire.open({ status: 502, headers: [], body }, credentials);
  await assert.rejects(plain('<html>'), { reason: 'not-json' });
  assert.equal((await plain('null')).response, undefined);
  await assert.rejects(plain('{"encData":"a.b"}'), { reason: 'bad-jwe' });
  await assert.rejects(plain('{"encData":"*.b.c.d.e"}'), { reason: 'bad-jwe' });
});

test('a field is found where it was typed', () => {
  const text = '{"a": {"b": [1, {"c": 99999999999999999999}]},\n "d": "카\\"드"}';
  const { places, wrong } = json.read(text);
  assert.equal(wrong, undefined);
  assert.deepEqual([...places.keys()], ['', 'a', 'a.b', 'a.b.0', 'a.b.1', 'a.b.1.c', 'd']);
  assert.equal(places.get('a.b.1.c').text, '99999999999999999999');
  for (const path of ['a', 'a.b', 'a.b.1', 'd']) {
    const { at, end } = places.get(path);
    const value = path.split('.').reduce((inner, name) => inner[name], JSON.parse(text));
    assert.deepEqual(JSON.parse(text.slice(at, end)), value, path);
  }
});

test('broken JSON is told by line and column', () => {
  for (const [text, wanted, line, column] of [
    ['', 'object', 1, 1],
    ['[]', 'object', 1, 1],
    ['{', 'name-or-end', 1, 2],
    ['{"a" 1}', 'colon', 1, 6],
    ['{"a":}', 'value', 1, 6],
    ['{"a": 1\n "b": 2}', 'comma', 2, 2],
    ['{"a": 1,\n}', 'name', 2, 1],
    ["{'a': 1}", 'name-or-end', 1, 2],
    ['{"카": "드}', 'string', 1, 7],
    ['{"a": tru}', 'value', 1, 7],
    ['{"a": 01}', 'comma', 1, 8],
    ['{"a": [1, ]}', 'value', 1, 11],
    ['{} {}', 'nothing', 1, 4],
    [`{"a":${'['.repeat(100)}`, 'depth', 1, 69],
  ]) {
    const { wrong } = json.read(text);
    const found = [wrong?.wanted, wrong?.line, wrong?.column];
    assert.deepEqual(found, [wanted, line, column], text);
    assert.throws(() => {
      const value = JSON.parse(text);
      assert.ok(typeof value === 'object' && !Array.isArray(value));
    });
  }
});

test('what reads well says the same, number by number', () => {
  const text = '{"a":9999999999999999999,"b":[],"c":{"d":[1.50,null]},"e":{}}';
  const shown = json.pretty(text);
  assert.equal(shown.replace(/\s/g, ''), text);
  assert.equal(shown, JSON.stringify(JSON.parse(text), null, 2)
    .replace('10000000000000000000', '9999999999999999999').replace('1.5', '1.50'));
  assert.equal(json.pretty('no JSON'), 'no JSON');
});
