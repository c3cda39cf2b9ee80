// A partner's side of the protocol with WebCrypto alone: signs, encrypts and opens, and keeps what
// every step made, so that it can be shown. It runs in browsers and in Node, and knows no page.

const utf8 = new TextEncoder();
const KEY_BYTES = { A128GCM: 16, A256GCM: 32 };
const IV_BYTES = 12;
const TAG_BYTES = 16;
const PART_NAMES = ['header', 'key', 'iv', 'ciphertext', 'tag'];

/** An error that a page can explain in its own words: `reason` names it. */
export class WireError extends Error {
  constructor(reason, message) {
    super(message ?? reason);
    this.reason = reason;
  }
}

/** WebCrypto, which browsers have on secure addresses only. */
function subtle() {
  const found = globalThis.crypto?.subtle;
  if (!found) throw new WireError('no-webcrypto');
  return found;
}

const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const base64url = (bytes) =>
  base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

function unbase64(text) {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(plain), (letter) => letter.charCodeAt(0));
}

/** `yyyyMMddHHmmssSSS` in UTC. */
export const digits = (now) => now.toISOString().replace(/\D/g, '').slice(0, 17);

/** `X-KM-Correlation-Id`: `yyMMddHHmmss-` and 7 hexadecimal digits. */
export function correlationId(now = new Date()) {
  const random = globalThis.crypto.getRandomValues(new Uint8Array(4));
  const hex = [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${digits(now).slice(2, 14)}-${hex.slice(1)}`;
}

/** `X-KM-Tran-Token` over these bytes, with what it is made of. */
export async function tranToken(secretKey, bytes, now = new Date()) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await subtle().importKey('raw', utf8.encode(secretKey), algorithm, false, ['sign']);
  const mac = base64(new Uint8Array(await subtle().sign('HMAC', key, bytes)));
  const time = digits(now);
  return { time, mac, token: `KMV1:${time}:${mac}` };
}

/** The bytes in a PEM of this label. */
function pem(text, label) {
  const form = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`);
  const found = form.exec(text);
  if (!found) throw new WireError('bad-credentials', `no ${label} in PEM`);
  return unbase64(found[1].replace(/\s/g, ''));
}

const RSA = { name: 'RSA-OAEP', hash: 'SHA-256' };
const publicKey = (text) =>
  subtle().importKey('spki', pem(text, 'PUBLIC KEY'), RSA, false, ['encrypt']);
const privateKey = (text) =>
  subtle().importKey('pkcs8', pem(text, 'PRIVATE KEY'), RSA, false, ['decrypt']);

/** What a JWE in compact serialization consists of, with the length of each part. */
export function anatomy(compact) {
  const texts = compact.split('.');
  if (texts.length !== PART_NAMES.length) throw new WireError('bad-jwe', 'not five parts');
  try {
    const parts = texts.map((text, at) => {
      const bytes = unbase64(text);
      return { name: PART_NAMES[at], text, bytes: bytes.length, value: bytes };
    });
    const header = new TextDecoder().decode(parts[0].value);
    return { header, ...JSON.parse(header), parts };
  } catch {
    throw new WireError('bad-jwe', 'a part is not base64url, or the header is not JSON');
  }
}

/** A text as JWE: RSA-OAEP-256 with A128GCM or A256GCM. */
export async function encrypt(clear, serverPublicKey, enc) {
  if (!(enc in KEY_BYTES)) throw new WireError('bad-jwe', `enc ${enc}`);
  const header = base64url(utf8.encode(JSON.stringify({ alg: 'RSA-OAEP-256', enc })));
  const content = globalThis.crypto.getRandomValues(new Uint8Array(KEY_BYTES[enc]));
  const iv = globalThis.crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const wrapped = await subtle().encrypt(RSA, await publicKey(serverPublicKey), content);
  const key = await subtle().importKey('raw', content, 'AES-GCM', false, ['encrypt']);
  const gcm = { name: 'AES-GCM', iv, additionalData: utf8.encode(header) };
  const sealed = new Uint8Array(await subtle().encrypt(gcm, key, utf8.encode(clear)));
  const end = sealed.length - TAG_BYTES;
  const rest = [new Uint8Array(wrapped), iv, sealed.subarray(0, end), sealed.subarray(end)];
  return [header, ...rest.map(base64url)].join('.');
}

/** The text in a JWE. */
export async function decrypt(compact, clientPrivateKey) {
  const { alg, enc, parts } = anatomy(compact);
  const [header, wrapped, iv, ciphertext, tag] = parts;
  const fits = alg === 'RSA-OAEP-256' && iv.bytes === IV_BYTES && tag.bytes === TAG_BYTES;
  if (!fits) throw new WireError('bad-jwe', `alg ${alg}, or a part of the wrong length`);
  const own = await privateKey(clientPrivateKey);
  const gcm = { name: 'AES-GCM', iv: iv.value, additionalData: utf8.encode(header.text) };
  const sealed = new Uint8Array([...ciphertext.value, ...tag.value]);
  try {
    const content = await subtle().decrypt(RSA, own, wrapped.value);
    if (content.byteLength !== KEY_BYTES[enc]) throw new WireError('bad-jwe');
    const key = await subtle().importKey('raw', content, 'AES-GCM', false, ['decrypt']);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      await subtle().decrypt(gcm, key, sealed),
    );
  } catch {
    throw new WireError('bad-jwe', 'the JWE does not open under this key');
  }
}

/**
 * A signed call, not yet sent. `clear` goes as it was typed: it is never read as JSON, as a number
 * beyond 2^53 would come out another. With `enc` it is encrypted.
 */
export async function prepare(call) {
  const { credentials, path, clear, enc, id, withKeyId = true, now = new Date() } = call;
  const { aspId, accessKey, secretKey, cryptoKeyId, serverPublicKey } = credentials;
  if (![aspId, accessKey, secretKey].every((each) => typeof each === 'string' && each)) {
    throw new WireError('bad-credentials');
  }
  const jwe = enc ? await encrypt(clear, serverPublicKey, enc) : undefined;
  const body = jwe ? JSON.stringify({ encData: jwe }) : clear;
  const bytes = utf8.encode(body);
  const signed = await tranToken(secretKey, bytes, now);
  const headers = [
    ['Content-Type', 'application/json'],
    ['Accept', 'application/json'],
    ['X-KM-User-AspId', aspId],
    ['X-KM-Correlation-Id', id ?? correlationId(now)],
    ['X-KM-Access-Key', accessKey],
    ...(withKeyId ? [['X-KM-Crypto-Key-Id', cryptoKeyId]] : []),
    ['X-KM-Tran-Token', signed.token],
    ['X-KM-Tran-Time', signed.time.slice(0, 14)],
    ['X-KM-Time-Zone', 'UTC'],
  ];
  const lengths = { clearBytes: utf8.encode(clear).length, bodyBytes: bytes.length };
  return { path, headers, clear, body, ...lengths, jwe: jwe && anatomy(jwe), token: signed };
}

/** Sends it: status, headers and text as they came, and how long it took. */
export async function send(prepared, signal) {
  const { path, headers, body } = prepared;
  const begun = performance.now();
  try {
    const answer = await fetch(path, { method: 'POST', headers, body, signal });
    const read = { status: answer.status, headers: [...answer.headers], body: await answer.text() };
    return { ...read, ms: performance.now() - begun };
  } catch (error) {
    throw new WireError(error.name === 'TimeoutError' ? 'no-answer' : 'server-away', error.message);
  }
}

/** Opens an answer where it is encrypted; `clear` is its text, `response` its code. */
export async function open(answer, credentials) {
  let received;
  try {
    received = JSON.parse(answer.body);
  } catch {
    throw new WireError('not-json');
  }
  const { encData } = received ?? {};
  if (typeof encData !== 'string') {
    return { ...answer, clear: answer.body, response: received?.response };
  }
  const clear = await decrypt(encData, credentials.clientPrivateKey);
  return { ...answer, clear, jwe: anatomy(encData), response: JSON.parse(clear).response };
}
