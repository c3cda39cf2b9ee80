// A partner's client in plain Node: signs, encrypts, calls and decrypts, with built-in modules
// alone.

import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHmac,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { Agent, request } from 'node:http';

const CALL_MS_MAX = 20_000;
const CIPHERS = { A128GCM: ['aes-128-gcm', 16], A256GCM: ['aes-256-gcm', 32] };
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** `yyyyMMddHHmmssSSS` in UTC. */
const digits = (date) => date.toISOString().replace(/\D/g, '');

/** `X-KM-Tran-Token`: proves who sent this body, byte for byte. */
export function tranToken(secretKey, body, now = new Date()) {
  const mac = createHmac('sha256', Buffer.from(secretKey, 'utf8')).update(body).digest('base64');
  return `KMV1:${digits(now)}:${mac}`;
}

/** `X-KM-Correlation-Id`: `yyMMddHHmmss-` and 7 hexadecimal digits. */
export function correlationId(now = new Date()) {
  return `${digits(now).slice(2, 14)}-${randomBytes(4).toString('hex').slice(1)}`;
}

const oaep = (key) => ({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' });

/** A JWE in compact serialization: RSA-OAEP-256 with A128GCM or A256GCM. */
export function encrypt(clear, publicKey, enc) {
  const [name, keyBytes] = CIPHERS[enc];
  const header = Buffer.from(JSON.stringify({ alg: 'RSA-OAEP-256', enc })).toString('base64url');
  const [key, iv] = [randomBytes(keyBytes), randomBytes(IV_BYTES)];
  const cipher = createCipheriv(name, key, iv).setAAD(Buffer.from(header, 'ascii'));
  const sealed = Buffer.concat([cipher.update(clear, 'utf8'), cipher.final()]);
  const parts = [publicEncrypt(oaep(publicKey), key), iv, sealed, cipher.getAuthTag()];
  return [header, ...parts.map((part) => part.toString('base64url'))].join('.');
}

/** The text in a JWE, and how it was encrypted. */
export function decrypt(compact, privateKey) {
  const [header, ...parts] = compact.split('.');
  if (parts.length !== 4) throw new Error('not a JWE in compact serialization');
  const { alg, enc, ...others } = JSON.parse(Buffer.from(header, 'base64url').toString());
  if (alg !== 'RSA-OAEP-256') throw new Error(`alg ${alg}`);
  const [name, keyBytes] = CIPHERS[enc] ?? [];
  const [wrapped, iv, sealed, tag] = parts.map((part) => Buffer.from(part, 'base64url'));
  const key = privateDecrypt(oaep(privateKey), wrapped);
  if (key.length !== keyBytes || iv.length !== IV_BYTES || tag.length !== TAG_BYTES) {
    throw new Error('a part of the JWE has the wrong length');
  }
  const decipher = createDecipheriv(name, key, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(header, 'ascii')).setAuthTag(tag);
  const clear = Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
  return { clear, enc, otherHeaders: others };
}

/** Sends a request and reads the whole answer. */
export function exchange(agent, origin, { method = 'POST', path, headers = {}, body = '' }) {
  return new Promise((resolve, reject) => {
    const bytes = Buffer.from(body);
    const withLength = method === 'GET' ? headers : { ...headers, 'Content-Length': bytes.length };
    const sent = request(new URL(path, origin), { agent, method, headers: withLength });
    const timer = setTimeout(
      () => sent.destroy(new Error(`no answer to ${path} in ${CALL_MS_MAX} ms`)),
      CALL_MS_MAX,
    );
    sent.on('close', () => clearTimeout(timer));
    sent.on('error', reject);
    sent.on('response', (answer) => {
      const chunks = [];
      answer.on('error', reject);
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode, headers: answer.headers, body: text });
      });
    });
    sent.end(method === 'GET' ? undefined : bytes);
  });
}

/** Calls a platform with the credentials of one project. */
export class Platen {
  #agent = new Agent({ keepAlive: true });

  constructor(origin, credentials) {
    this.origin = origin;
    this.credentials = credentials;
  }

  /**
   * A signed call, not yet sent. `clear` is an object, or a text to be sent as it is; with `enc`
   * it is encrypted. The crypto key's id goes along unless `withKeyId` is false.
   */
  prepare(path, clear, { enc, id = correlationId(), withKeyId = true } = {}) {
    const { aspId, accessKey, secretKey, cryptoKeyId, serverPublicKey } = this.credentials;
    const text = typeof clear === 'string' ? clear : JSON.stringify(clear);
    const body = enc ? JSON.stringify({ encData: encrypt(text, serverPublicKey, enc) }) : text;
    const headers = {
      'Content-Type': 'application/json',
      Accept: 'application/json',
      'X-KM-User-AspId': aspId,
      'X-KM-Correlation-Id': id,
      'X-KM-Access-Key': accessKey,
      'X-KM-Tran-Token': tranToken(secretKey, body),
      'X-KM-Tran-Time': digits(new Date()).slice(0, 14),
      'X-KM-Time-Zone': 'UTC',
    };
    if (withKeyId) headers['X-KM-Crypto-Key-Id'] = cryptoKeyId;
    return { path, headers, body };
  }

  /** Sends any request: the answer as received. */
  send(prepared) {
    return exchange(this.#agent, this.origin, prepared);
  }

  /** Prepares, sends and opens. */
  async call(path, clear, options) {
    return this.open(await this.send(this.prepare(path, clear, options)));
  }

  /** Decrypts an answer where it is encrypted: `clear` is its text, `json` its value. */
  open(answer) {
    const received = JSON.parse(answer.body);
    if (received.encData === undefined) {
      return { ...answer, clear: answer.body, json: received, enc: undefined };
    }
    const members = Object.keys(received);
    if (members.length !== 1) throw new Error(`beside encData there is ${members}`);
    const opened = decrypt(received.encData, this.credentials.clientPrivateKey);
    return { ...answer, ...opened, json: JSON.parse(opened.clear) };
  }

  /** Closes the connections that are kept open. */
  close() {
    this.#agent.destroy();
  }
}
