// /openapi.json in other people's tools: a validator, a fuzzer, a generator of clients.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { differences } from '../node/expected.mjs';
import { Sandbox, platenJson } from '../node/sandbox.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PYTHON = process.env.PLATEN_PYTHON || 'target/python/bin/python';
/** Within this the fuzzer ends by itself; the rest is for its start. */
const FUZZING_SECONDS_MAX = 45;
const limits = { timeout: 120_000 };

const sandbox = await Sandbox.start();
test.after(() => sandbox.remove());
const credentials = join(sandbox.folder, 'credentials.json');
writeFileSync(credentials, JSON.stringify(sandbox.credentials));
const document = `${sandbox.origin}/openapi.json`;

/** Runs Python in the sandbox's folder: what it printed. */
async function python(...args) {
  const env = {
    PATH: process.env.PATH,
    PYTHONPATH: HERE,
    PYTHONDONTWRITEBYTECODE: '1',
    PLATEN_CREDENTIALS: credentials,
    SCHEMATHESIS_HOOKS: 'hooks',
  };
  const options = { cwd: sandbox.folder, env, timeout: limits.timeout };
  try {
    return (await promisify(execFile)(PYTHON, args, options)).stdout;
  } catch (error) {
    return assert.fail(`${error.message}\n${error.stdout}\n${error.stderr}`);
  }
}

test('the document is valid', limits, async () => {
  assert.match(await python(join(HERE, 'validate.py'), document), /^valid: [1-9]/);
});

test('a fuzzer finds no answer that the document does not describe', limits, async () => {
  const printed = await python(
    ...['-m', 'schemathesis.cli', 'run', document, '--url', `${sandbox.origin}/open-api`],
    ...['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'],
    ...['--include-path-regex', '^/(api|platen)/', '--phases', 'examples,coverage,fuzzing'],
    ...['--seed', '1', '--max-examples', '10', '--max-time', String(FUZZING_SECONDS_MAX)],
    ...['--suppress-health-check', 'all', '--no-color'],
  );
  const generated = /(\d+) generated, \d+ passed/.exec(printed);
  assert.ok(Number(generated?.[1]) > 50, printed);
});

test('a generated client makes a signed call', limits, async () => {
  const { request, expect } = (await platenJson('scenarios', '--format', 'json')).find(
    ({ operation, name }) => operation === 'prepaid-card.reissue' && name === 'reissued',
  );
  const config = join(HERE, 'generator.yaml');
  await python(
    ...['-m', 'openapi_python_client', 'generate', '--url', document, '--config', config],
    ...['--meta', 'none', '--output-path', 'platen_api'],
  );
  const arm = '/sandbox/v1/scenarios/prepaid-card.reissue/reissued/arm';
  const armed = await fetch(sandbox.origin + arm, { method: 'POST' });
  assert.equal(armed.status, 200);
  const printed = await python(join(HERE, 'client.py'), sandbox.origin, JSON.stringify(request));
  const answer = JSON.parse(printed);
  assert.deepEqual([answer.status, answer.type], [200, 'PrepaidCardReissueResponse']);
  assert.deepEqual(differences(answer.body, expect.response), []);
});
