// The Postman collection in Postman's own runner (newman): its script signs, the sandbox answers.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'node:test';

import { differences } from '../node/expected.mjs';
import { Sandbox, platenJson } from '../node/sandbox.mjs';

const limits = { timeout: 60_000 };
const folder = process.env.PLATEN_NPM || 'target/npm/postman';
const packages = createRequire(join(folder, 'package.json'));
const newman = packages('newman');

const sandbox = await Sandbox.start();
test.after(() => sandbox.remove());
const collection = await platenJson('reference', 'postman');
const scenarios = await platenJson('scenarios', '--format', 'json');
const items = collection.item.flatMap((folder) => folder.item);

const { aspId, accessKey, secretKey } = sandbox.credentials;
const VARIABLES = { origin: sandbox.origin, aspId, accessKey, secretKey };

/** Runs a collection with these variables: its executions, in their order. */
function run(item, variables) {
  const given = Object.entries(variables).map(([key, value]) => ({ key, value }));
  const environment = { name: 'sandbox', values: given };
  return new Promise((resolve, reject) => {
    const whole = { ...collection, item };
    newman.run({ collection: whole, environment, reporters: [] }, (error, summary) =>
      error ? reject(error) : resolve(summary.run.executions),
    );
  });
}

const answerOf = ({ response }) => JSON.parse(response.stream.toString());

async function arm({ operation, name }) {
  const path = `/sandbox/v1/scenarios/${operation}/${name}/arm`;
  const answer = await fetch(sandbox.origin + path, { method: 'POST' });
  assert.equal(answer.status, 200);
}

test('every example, sent as its request, is answered as documented', limits, async () => {
  const examples = items.flatMap(({ response }) => response);
  assert.equal(examples.length, scenarios.length);
  // The card that was issued last is told first: of the scenario that was armed last.
  const last = scenarios.findIndex(({ operation }) => operation === 'admin.issued-cards');
  await arm(scenarios[last]);
  const order = [last, ...[...scenarios.keys()].filter((at) => at !== last)];
  const requests = order.map((at) => (
    { name: examples[at].name, request: examples[at].originalRequest }));
  const executions = await run(requests, VARIABLES);
  assert.equal(executions.length, scenarios.length);
  for (const [place, execution] of executions.entries()) {
    const at = order[place];
    const { operation, name, expect } = scenarios[at];
    const what = `${operation} ${name}`;
    assert.equal(execution.requestError, undefined, what);
    assert.deepEqual(differences(answerOf(execution), expect.response), [], what);
    assert.deepEqual([execution.response.code, examples[at].code], [expect.status, expect.status]);
    assert.equal(JSON.parse(examples[at].body).response.code, expect.code, what);
  }
});

test('the items themselves run, and a fixed correlation id repeats the call', limits, async () => {
  const reissued = scenarios.find(({ name }) => name === 'reissued');
  await arm(reissued);
  const item = items.find(({ request }) => request.url.raw.endsWith(reissued.path));
  const variables = { ...VARIABLES, correlationId: '261122120000-0a1b2c3' };
  const [first, again] = (await run([item, item], variables)).map(answerOf);
  assert.equal(first.response.code, '000_000');
  assert.deepEqual(again, first);
});

test('a variable that is missing is named, and nothing passes unsigned', limits, async () => {
  const { secretKey: _, ...variables } = VARIABLES;
  const [execution] = await run([items[0]], variables);
  const [script] = execution.prerequestScript;
  assert.match(script.error.message, /secretKey/);
  assert.notEqual(execution.response?.code, 200);
});
