// The client itself, on values that others published or made.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { differences } from './expected.mjs';
import { correlationId, decrypt, encrypt, tranToken } from './platen.mjs';

const vector = (name) =>
  readFileSync(new URL(`../../crypto/src/jwe/vectors/${name}`, import.meta.url), 'utf8').trim();

test('what another implementation encrypted opens', () => {
  const key = vector('jwe_test_key.pem');
  for (const [name, expected] of [['jwe_a128gcm.txt', 'A128GCM'], ['jwe_a256gcm.txt', 'A256GCM']]) {
    const { clear, enc } = decrypt(vector(name), key);
    assert.deepEqual({ clear, enc }, { clear: '{"userId":50000104652}', enc: expected });
  }
});

test('what is encrypted has the form of the wire and opens', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  for (const enc of ['A128GCM', 'A256GCM']) {
    const compact = encrypt('{"카드":1}', publicKey, enc);
    const parts = compact.split('.').map((part) => Buffer.from(part, 'base64url'));
    assert.equal(parts[0].toString(), `{"alg":"RSA-OAEP-256","enc":"${enc}"}`);
    const lengths = parts.slice(1).map((part) => part.length);
    assert.deepEqual(lengths, [256, 12, 12, 16]);
    assert.deepEqual(decrypt(compact, privateKey), { clear: '{"카드":1}', enc, otherHeaders: {} });
    const [header, key, iv, sealed, tag] = compact.split('.');
    const other = sealed.startsWith('A') ? `B${sealed.slice(1)}` : `A${sealed.slice(1)}`;
    assert.throws(() => decrypt([header, key, iv, other, tag].join('.'), privateKey));
  }
});

test('a token is the HMAC of the body under the text of the secret', () => {
  // RFC 4231, case 2: key "Jefe", data "what do ya want for nothing?".
  const mac = Buffer.from(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    'hex',
  ).toString('base64');
  const now = new Date(Date.UTC(2022, 10, 8, 12, 8, 14, 608));
  const token = tranToken('Jefe', 'what do ya want for nothing?', now);
  assert.equal(token, `KMV1:20221108120814608:${mac}`);
  assert.equal(token.length, 67);
  assert.match(correlationId(now), /^221108120814-[0-9a-f]{7}$/);
});

test('differences from a documented body are told', () => {
  const expected = { response: { code: '000_000' }, number: { pattern: '^[0-9]{3}$' } };
  assert.deepEqual(differences({ response: { code: '000_000' }, number: '123' }, expected), []);
  assert.deepEqual(differences({ response: { code: '1' }, number: '12', more: 1 }, expected), [
    'body.more is not documented',
    'body.response.code: "1" instead of "000_000"',
    'body.number: "12" is not ^[0-9]{3}$',
  ]);
  assert.deepEqual(differences({ response: null }, expected), [
    'body.number is missing',
    'body.response: null instead of {"code":"000_000"}',
  ]);
});
