// The code that the portal gives away, run as a reader would: saved to a file, with the
// credentials beside it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { differences } from '../node/expected.mjs';
import { decrypt, encrypt, tranToken } from '../node/platen.mjs';
import { Sandbox, platenJson, platenText } from '../node/sandbox.mjs';

const limits = { timeout: 60_000 };
const RUN_MS_MAX = 50_000;
const run = promisify(execFile);

const JAVA = process.env.PLATEN_JAVA || 'java';

/** How the first lines of each language's sample say that it is run. */
const LANGUAGES = {
  node: { file: 'call.mjs', command: [process.execPath] },
  java: { file: 'Call.java', command: [JAVA, '-Dfile.encoding=UTF-8'] },
  python: { file: 'call.py', command: [process.env.PLATEN_PYTHON || 'python3'] },
  curl: { file: 'call.sh', command: ['bash'] },
};

const sandbox = await Sandbox.start();
test.after(() => sandbox.remove());
const scenarios = await platenJson('scenarios', '--format', 'json');
const operations = [...new Set(scenarios.map(({ operation }) => operation))];
const named = (operation, name) =>
  scenarios.find((each) => each.operation === operation && each.name === name);
const succeeding = (operation) =>
  scenarios.find((each) => each.operation === operation && each.expect.status === 200);

let folders = 0;

/** Runs the scenario's sample: what it printed, and how it ended. */
async function sample(language, { operation, name }, origin, credentials) {
  const folder = join(sandbox.folder, `sample-${(folders += 1)}`);
  mkdirSync(folder);
  const args = ['sample', operation, '--scenario', name, '--language', language];
  const { file, command } = LANGUAGES[language];
  writeFileSync(join(folder, file), await platenText(...args));
  writeFileSync(join(folder, 'credentials.json'), JSON.stringify(credentials, null, 2));
  // A locale without Korean: what is sent may not depend on it. And no proxy.
  const env = { PATH: process.env.PATH, PLATEN_URL: origin, LC_ALL: 'C' };
  const options = { cwd: folder, env, timeout: RUN_MS_MAX };
  const [program, ...rest] = [...command, file];
  return run(program, rest, options).catch((error) => error);
}

async function arm({ operation, name }) {
  const path = `/sandbox/v1/scenarios/${operation}/${name}/arm`;
  const answer = await fetch(sandbox.origin + path, { method: 'POST' });
  assert.equal(answer.status, 200, `arming ${operation} ${name}: ${await answer.text()}`);
}

/** Runs a sample against the sandbox: it prints what is documented. */
async function runsAsDocumented(language, scenario) {
  await arm(scenario);
  const { stdout, stderr } = await sample(language, scenario, sandbox.origin, sandbox.credentials);
  const { status, code, response } = scenario.expect;
  const [first, ...rest] = stdout.split('\n');
  assert.equal(first, `HTTP ${status}, code ${code}`, stdout + stderr);
  assert.deepEqual(differences(JSON.parse(rest.join('\n')), response), []);
  assert.equal(stderr, '');
}

test('every language is run here', limits, async () => {
  const help = await platenText('sample', '--help');
  const listed = /possible values: ([a-z, ]+)/.exec(help)[1].split(', ');
  assert.deepEqual(listed, Object.keys(LANGUAGES));
});

for (const language of Object.keys(LANGUAGES)) {
  for (const scenario of [
    named('prepaid-card.reissue', 'reissued'),
    named('prepaid-card.reissue', 'not-suspended'),
    named('prepaid-card.state', 'suspended'),
  ]) {
    const title = `${language}: ${scenario.operation} ${scenario.name}`;
    test(title, limits, () => runsAsDocumented(language, scenario));
  }
}

for (const operation of operations) {
  test(`node: ${operation}`, limits, () => runsAsDocumented('node', succeeding(operation)));
}

/** A server in platen's place, that keeps what it is sent and answers as it is told. */
async function standIn(answer) {
  const kept = [];
  const server = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      kept.push({ ...request.headers, body: Buffer.concat(chunks) });
      response.writeHead(answer.status, { 'Content-Type': 'application/json' });
      response.end(answer.body);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  test.after(() => server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, kept };
}

const pair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

for (const language of Object.keys(LANGUAGES)) {
  test(`${language}: sends the scenario's body, signed as sent`, limits, async () => {
    const [platform, own] = [pair(), pair()];
    const credentials = {
      ...sandbox.credentials,
      serverPublicKey: platform.publicKey,
      clientPrivateKey: own.privateKey,
    };
    const told = JSON.stringify({ response: { code: '000_000', description: 'Fine.' } });
    // An answer of another length than a whole number of blocks, with the other key length.
    const sealed = JSON.stringify({ encData: encrypt(told, own.publicKey, 'A128GCM') });
    const { origin, kept } = await standIn({ status: 200, body: sealed });
    const scenario = named('prepaid-card.reissue', 'reissued');
    const { stdout, stderr } = await sample(language, scenario, origin, credentials);
    assert.equal(stdout, `HTTP 200, code 000_000\n${told}\n`, stderr);
    const [{ body, ...headers }] = kept;
    const { clear, enc, otherHeaders } = decrypt(JSON.parse(body).encData, platform.privateKey);
    assert.deepEqual([enc, otherHeaders], ['A256GCM', {}]);
    assert.deepEqual(JSON.parse(clear), scenario.request);
    const [, time, mac] = headers['x-km-tran-token'].split(':');
    assert.equal(mac, tranToken(credentials.secretKey, body).split(':')[2]);
    assert.match(time, /^[0-9]{17}$/);
    assert.equal(headers['x-km-tran-time'], time.slice(0, 14));
    assert.match(headers['x-km-correlation-id'], /^[0-9]{12}-[0-9a-f]{7}$/);
    assert.equal(headers['x-km-crypto-key-id'], credentials.cryptoKeyId);
  });

  test(`${language}: shows an answer that is no answer of platen`, limits, async () => {
    const { origin } = await standIn({ status: 502, body: '<h1>Bad Gateway</h1>' });
    const scenario = named('prepaid-card.reissue', 'reissued');
    const { stdout, stderr } = await sample(language, scenario, origin, sandbox.credentials);
    assert.match(stdout + stderr, /HTTP 502/);
    assert.match(stdout, /<h1>Bad Gateway<\/h1>/);
  });

  test(`${language}: does not show an answer that was changed on its way`, limits, async () => {
    const own = pair();
    const compact = encrypt('{"response":{"code":"000_000"}}', own.publicKey, 'A256GCM');
    const parts = compact.split('.');
    parts[3] = (parts[3][0] === 'A' ? 'B' : 'A') + parts[3].slice(1);
    const body = JSON.stringify({ encData: parts.join('.') });
    const { origin } = await standIn({ status: 200, body });
    const scenario = named('prepaid-card.reissue', 'reissued');
    const credentials = { ...sandbox.credentials, clientPrivateKey: own.privateKey };
    const { stdout, code } = await sample(language, scenario, origin, credentials);
    assert.equal(code, 1);
    assert.doesNotMatch(stdout, /000_000/);
  });
}
