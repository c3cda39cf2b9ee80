// A call in three views of both directions: in clear, as sent, and step by step.

import { codeBlock, coloured, h, say, tabs } from './dom.js';
import { pretty } from './json.js';

const SHOWN_CHARS = 56;

const cut = (text) => (text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text);
const jsonBlock = (caption, text) => codeBlock(caption, text, coloured(text));
const pairs = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join('\n');
const nothing = () => h('p.note', {}, say('no-answer-to-show'));

function inClear({ sent, answer }) {
  const back = answer ? jsonBlock(say('answer'), pretty(answer.clear)) : nothing();
  return [jsonBlock(say('request'), sent.clear), back];
}

function asSent({ sent, answer }) {
  const request = `POST ${sent.path} HTTP/1.1\n${pairs(sent.headers)}\n\n${sent.body}`;
  if (!answer) return [codeBlock(say('request'), request), nothing()];
  const received = `HTTP/1.1 ${answer.status}\n${pairs(answer.headers)}\n\n${answer.body}`;
  return [codeBlock(say('request'), request), codeBlock(say('answer'), received)];
}

const step = (title, ...children) => h('li', {}, h('h4', {}, title), children);

/** The five parts of a JWE. */
function parts(jwe) {
  const row = ({ name, bytes, text }) =>
    h('tr', {},
      h('th', { scope: 'row' }, say(`jwe-${name}`)),
      h('td', { 'data-label': say('length') }, say('bytes', bytes)),
      h('td', { 'data-label': say('value') }, h('code', {}, cut(name === 'header' ? jwe.header : text))));
  return h('table.stack.jwe', {},
    h('caption.visually-hidden', {}, say('jwe-parts')),
    h('thead', {}, h('tr', {}, ['part', 'length', 'value'].map((name) =>
      h('th', { scope: 'col' }, say(name))))),
    h('tbody', {}, jwe.parts.map(row)));
}

function outward(sent) {
  const encryption = sent.jwe && step(say('step-encrypt', sent.jwe.enc),
    h('p', {}, say('step-encrypt-how')), parts(sent.jwe));
  return [
    step(say('step-clear'), h('p', {}, say('step-clear-how', sent.clearBytes))),
    encryption,
    step(say('step-body'),
      h('p', {}, say(sent.jwe ? 'step-body-encrypted' : 'step-body-plain', sent.bodyBytes)),
      codeBlock(say('bytes-signed'), sent.body)),
    step(say('step-sign'),
      h('p', {}, say('step-sign-how')),
      h('dl.facts', {},
        h('div', {}, h('dt', {}, say('time-in-token')), h('dd', {}, h('code', {}, sent.token.time))),
        h('div', {}, h('dt', {}, 'base64(HMAC-SHA-256)'), h('dd', {}, h('code', {}, sent.token.mac)))),
      codeBlock('X-KM-Tran-Token', sent.token.token)),
    step(say('step-headers'), codeBlock(say('request-headers'), pairs(sent.headers))),
  ];
}

function inward(answer) {
  if (!answer) return [step(say('step-no-answer'), h('p', {}, say('no-answer-to-show')))];
  const opened = answer.jwe && step(say('step-decrypt', answer.jwe.enc),
    h('p', {}, say('step-decrypt-how')), parts(answer.jwe));
  return [
    step(say('step-received', answer.status), codeBlock(say('answer-headers'), pairs(answer.headers))),
    opened ?? step(say('step-plain'), h('p', {}, say('step-plain-how'))),
    step(say('step-read'), jsonBlock(say('answer-in-clear'), pretty(answer.clear))),
  ];
}

const stepByStep = (call) =>
  h('ol.steps', {}, [...outward(call.sent), ...inward(call.answer)].filter(Boolean));

/** The views of a call that was sent; `chosen` is the view that is open, `changed` gets a new one. */
export function views(call, chosen, changed) {
  const entries = [['in-clear', inClear], ['as-sent', asSent], ['step-by-step', stepByStep]].map(
    ([name, draw]) => ({ label: say(name), panel: h('div.view', {}, draw(call)) }),
  );
  const at = entries.findIndex(({ label }) => label === chosen);
  const list = tabs(say('views'), entries, at, changed);
  return h('div.views', {}, list, entries.map(({ panel }) => panel));
}
