// Every documented scenario against the release build: signed, encrypted, called, decrypted and
// compared.

import assert from 'node:assert/strict';
import test from 'node:test';

import { differences } from './expected.mjs';
import { Platen, correlationId } from './platen.mjs';
import { Sandbox, listens, platenJson, until } from './sandbox.mjs';

const TEST_MS_MAX = 60_000;
const BASE = '/open-api';
const limits = { timeout: TEST_MS_MAX };

const sandbox = await Sandbox.start();
const platen = new Platen(sandbox.origin, sandbox.credentials);
const scenarios = await platenJson('scenarios', '--format', 'json');
/** Texts that no log may have. */
const secrets = new Set();

const named = (operation, name) => {
  const found = scenarios.find((each) => each.operation === operation && each.name === name);
  return found ?? assert.fail(`there is no scenario ${operation} ${name}`);
};

/** Puts a scenario's data back to what is given before it. */
async function arm({ operation, name }) {
  const path = `/sandbox/v1/scenarios/${operation}/${name}/arm`;
  const headers = { 'Content-Type': 'application/json' };
  const answer = await platen.send({ path, headers, body: '{}' });
  assert.equal(answer.status, 200, `arming ${operation} ${name}: ${answer.body}`);
}

/** The two ways in which each scenario is called. */
const WAYS = [
  { base: BASE, enc: 'A128GCM' },
  { base: '', enc: 'A256GCM' },
];

const callOptions = (scenario, enc, id) => ({
  enc: scenario.requestEncrypted ? enc : undefined,
  id,
  withKeyId: scenario.requestEncrypted || scenario.responseEncrypted,
});

/** Calls a scenario and compares everything that is documented of its answer. */
async function callAsDocumented(scenario, { base, enc }, id = correlationId()) {
  const options = callOptions(scenario, enc, id);
  const answer = await platen.call(base + scenario.path, scenario.request, options);
  remember(scenario.request);
  remember(answer.json);
  assert.deepEqual(differences(answer.json, scenario.expect.response), [], answer.clear);
  assert.equal(answer.status, scenario.expect.status);
  assert.equal(answer.json.response.code, scenario.expect.code);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.headers['x-km-correlation-id'], id);
  if (scenario.responseEncrypted) {
    assert.equal(answer.enc, scenario.requestEncrypted ? enc : 'A128GCM');
    assert.equal(answer.headers['x-km-crypto-key-id'], sandbox.credentials.cryptoKeyId);
    assert.deepEqual(answer.otherHeaders, {});
  } else {
    assert.equal(answer.enc, undefined);
    assert.equal(answer.headers['x-km-crypto-key-id'], undefined);
  }
  return answer;
}

/** Keeps the texts of a body that only its partner may read. */
function remember(body) {
  for (const [name, value] of Object.entries(body ?? {})) {
    if (typeof value === 'object') remember(value);
    else if (/cardNo|address/i.test(name) && String(value).length > 5) secrets.add(String(value));
  }
}

test('every scenario answers as documented', async (t) => {
  assert.ok(scenarios.length > 0);
  for (const scenario of scenarios) {
    for (const way of WAYS) {
      const { operation, name, method, path } = scenario;
      await t.test(`${operation} ${name}: ${way.base}${path}, ${way.enc}`, limits, async () => {
        assert.equal(method, 'POST');
        await arm(scenario);
        await callAsDocumented(scenario, way);
      });
    }
  }
});

test('the same call again gets the same answer, by either base path', async (t) => {
  for (const scenario of scenarios.filter(({ expect }) => expect.code === '000_000')) {
    await t.test(`${scenario.operation} ${scenario.name}`, limits, async () => {
      await arm(scenario);
      const id = correlationId();
      const [first, again] = [
        await callAsDocumented(scenario, WAYS[0], id),
        await callAsDocumented(scenario, WAYS[1], id),
      ];
      assert.equal(again.clear, first.clear);
      if (scenario.responseEncrypted) assert.notEqual(again.body, first.body);
    });
  }
});

test('the same bytes are the same call, and under another id refused', limits, async () => {
  const scenario = named('prepaid-card.reissue', 'reissued');
  await arm(scenario);
  const path = BASE + scenario.path;
  const prepared = platen.prepare(path, scenario.request, { enc: 'A256GCM' });
  const first = platen.open(await platen.send(prepared));
  assert.equal(first.json.response.code, '000_000');
  const again = platen.open(await platen.send(prepared));
  assert.equal(again.clear, first.clear);
  const headers = { ...prepared.headers, 'X-KM-Correlation-Id': correlationId() };
  const other = platen.open(await platen.send({ ...prepared, headers }));
  assert.deepEqual([other.status, other.json.response.code], [403, '000_914']);
  assert.equal(other.enc, undefined);
});

test('the same id with another body is another call', limits, async () => {
  const scenario = named('prepaid-card.state', 'suspended');
  await arm(scenario);
  const id = correlationId();
  for (const status of ['SUSPEND', 'RESUME', 'SUSPEND']) {
    const answer = await platen.call(BASE + scenario.path, { ...scenario.request, status }, { id });
    assert.equal(answer.json.response.code, '000_000', status);
  }
});

test('the sandbox takes plain what is documented as encrypted', limits, async () => {
  const scenario = named('prepaid-card.reissue', 'reissued');
  for (const [withKeyId, enc] of [[true, 'A128GCM'], [false, undefined]]) {
    await arm(scenario);
    const answer = await platen.call(BASE + scenario.path, scenario.request, { withKeyId });
    assert.deepEqual(differences(answer.json, scenario.expect.response), []);
    assert.deepEqual([answer.status, answer.enc], [200, enc]);
  }
});

test('the sandbox takes encrypted what is documented as plain', limits, async () => {
  const scenario = named('prepaid-card.state', 'suspended');
  await arm(scenario);
  const enc = 'A128GCM';
  const answer = await platen.call(BASE + scenario.path, scenario.request, { enc });
  assert.deepEqual(differences(answer.json, scenario.expect.response), []);
  assert.deepEqual([answer.status, answer.enc], [200, undefined]);
});

test('neither logs nor databases show a card number, address or key', () => {
  const { accessKey, secretKey, clientPrivateKey } = sandbox.credentials;
  const keyLine = clientPrivateKey.split('\n')[1];
  const kept = { ...sandbox.files(), stdout: sandbox.printed, stderr: sandbox.log };
  assert.ok(kept.stderr.includes('prepaid-card.reissue'), 'calls are logged');
  assert.ok(kept['sandbox.db'] && kept['bank.db'] && secrets.size > scenarios.length / 2);
  for (const secret of [...secrets, accessKey, secretKey, keyLine]) {
    const places = Object.keys(kept).filter((name) => kept[name].includes(secret));
    assert.deepEqual(places, [], `a text of ${secret.length} characters is where it may not be`);
  }
});

test('SIGTERM ends the sandbox and the bank that it started', limits, async () => {
  try {
    const bank = sandbox.bank();
    assert.ok(await listens(bank.address), 'the bank simulator runs');
    assert.deepEqual(await sandbox.stop(), { code: 0, signal: null }, sandbox.log.slice(-2_000));
    await until('the end of the bank', 5_000, async () => !(await listens(bank.address)));
    assert.equal(sandbox.bank(), undefined, 'the bank has withdrawn its address');
  } finally {
    platen.close();
    sandbox.remove();
  }
});
