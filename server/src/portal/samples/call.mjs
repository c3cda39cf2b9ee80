// {{title}}
// {{scenario}}
//
// Node 20 or newer, nothing to install:
//   platen credentials --format json > credentials.json
//   node call.mjs

import {
{{request}}
  createCipheriv,
{{end}}
{{response}}
  createDecipheriv,
{{end}}
  createHmac,
{{response}}
  privateDecrypt,
{{end}}
{{request}}
  publicEncrypt,
{{end}}
  randomBytes,
} from 'node:crypto';
import { readFileSync } from 'node:fs';

const ORIGIN = process.env.PLATEN_URL ?? 'http://127.0.0.1:8080';
const PATH = '{{path}}';
// Text, not an object: ids can have more digits than a number of JavaScript holds.
const CLEAR = String.raw`{{body}}`;
const keys = JSON.parse(readFileSync('credentials.json', 'utf8'));
{{key}}

// With the key alone Node would hash with SHA-1; the protocol takes SHA-256.
const oaep = (key) => ({ key, oaepHash: 'sha256' });
{{end}}
{{request}}

/** A compact JWE: the text under a new AES key, and that key under the platform's RSA key. */
function encrypt(clear) {
  const header = Buffer.from('{"alg":"RSA-OAEP-256","enc":"A256GCM"}').toString('base64url');
  const [key, iv] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(header));
  const sealed = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]);
  const parts = [publicEncrypt(oaep(keys.serverPublicKey), key), iv, sealed, cipher.getAuthTag()];
  return [header, ...parts.map((part) => part.toString('base64url'))].join('.');
}
{{end}}
{{response}}

/** The text in a compact JWE that came for our private key. */
function decrypt(jwe) {
  const [header, ...parts] = jwe.split('.');
  const [wrapped, iv, sealed, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
  const key = privateDecrypt(oaep(keys.clientPrivateKey), wrapped);
  const cipher = `aes-${key.length * 8}-gcm`;
  const decipher = createDecipheriv(cipher, key, iv, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(header)).setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
}
{{end}}

{{request}}
const body = JSON.stringify({ encData: encrypt(CLEAR) });
{{end}}
{{plain}}
const body = CLEAR;
{{end}}
const time = new Date().toISOString().replace(/\D/g, ''); // yyyyMMddHHmmssSSS in UTC
const mac = createHmac('sha256', keys.secretKey).update(body).digest('base64');
const answer = await fetch(ORIGIN + PATH, {
  method: 'POST',
  headers: {
    'Content-Type': 'application/json',
    'X-KM-User-AspId': keys.aspId,
    // A new one for each new call; the same call again (no answer came) keeps its own.
    'X-KM-Correlation-Id': `${time.slice(2, 14)}-${randomBytes(4).toString('hex').slice(1)}`,
    'X-KM-Access-Key': keys.accessKey,
{{key}}
    'X-KM-Crypto-Key-Id': keys.cryptoKeyId,
{{end}}
    'X-KM-Tran-Token': `KMV1:${time}:${mac}`,
    'X-KM-Tran-Time': time.slice(0, 14),
    'X-KM-Time-Zone': 'UTC',
  },
  body,
  signal: AbortSignal.timeout(60_000),
});

let text = await answer.text();
try {
{{response}}
  const { encData } = JSON.parse(text);
  if (encData) text = decrypt(encData); // codes of 000_9xx always come in clear
{{end}}
  console.log(`HTTP ${answer.status}, code ${JSON.parse(text).response.code}`);
} catch (error) {
  console.error(`HTTP ${answer.status}, not understood: ${error.message}`);
  process.exitCode = 1;
}
console.log(text);
