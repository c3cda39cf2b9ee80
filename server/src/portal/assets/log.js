// The sandbox's log of calls: every call of any client, the newest first, as it comes in.

import { codeBlock, coloured, fact, h, root, sandbox, say } from './dom.js';
import { pretty } from './json.js';

const CALLS_MAX = 500;
const POLL_MS = 2_000;

const time = (at) => new Date(at).toLocaleTimeString([], { hour12: false });
const duration = (us) => `${(us / 1_000).toFixed(us >= 10_000 ? 0 : 1)} ms`;
const row = (name, value) => (value ?? null) !== null && fact(name, value);

/** A body as it was understood: JSON, already masked by the server. */
function block(caption, body) {
  if (body === null || body === undefined) return null;
  const shown = pretty(JSON.stringify(body));
  return codeBlock(caption, shown, coloured(shown));
}

/** The steps of a call, in their order; the one that failed has the cause. */
const STEPS = ['headers', 'body', 'token', 'key', 'decryption', 'fields', 'operation', 'done'];

function steps({ step, cause }) {
  const failed = STEPS.indexOf(step);
  return h('ol.call-steps', {}, STEPS.slice(0, -1).map((name, at) => {
    const state = ['passed', 'failed', 'not-reached'][Math.sign(at - failed) + 1];
    return h(`li.${state}`, {},
      h('span.mark', {}, say(`step-${state}`)), ' ', say(`step-of-${name}`),
      at === failed && cause && h('p.cause', {}, cause));
  }));
}

function token({ signed }) {
  if (!signed) return null;
  const { receivedToken, expectedToken } = signed;
  return h('section', {},
    h('h2', {}, say('token')),
    h('dl.facts', {},
      row(say('received-token'), receivedToken && h('code', {}, receivedToken)),
      row(say('expected-token'), expectedToken && h('code', {}, expectedToken)),
      row(say('signed-under'), signed.secretHint)),
    signed.text !== null && codeBlock(say('signed-text'), signed.text ?? ''));
}

function jwe(call) {
  if (!call.jwe) return null;
  const parts = call.jwe.parts.map(({ name, bytes }) => row(name, say('bytes', bytes ?? '?')));
  return h('section', {}, h('h2', {}, 'JWE'),
    h('dl.facts', {}, row(say('key-id'), call.keyId && h('code', {}, call.keyId)),
      row(say('jwe-header'), h('code', {}, call.jwe.header)), parts));
}

function whole(call) {
  const headers = (call.headers ?? []).map(([name, value]) => row(name, h('code', {}, value)));
  const link = call.operation && h('a', { href: `${root}/api/${call.operation}#code-${call.code}` },
    say('meaning-of', call.code));
  return [
    h('p.call-says', {}, h('strong', {}, call.code ?? ''), ' ', call.description ?? '', ' ', link),
    steps(call),
    call.field && h('p.note.warn', {}, say('field-at-fault', call.field)),
    h('div.pair', {}, block(say('request-in-clear'), call.request),
      block(say('answer-in-clear'), call.response)),
    token(call),
    jwe(call),
    h('section', {}, h('h2', {}, say('request-headers')), h('dl.facts', {}, headers,
      row(say('body'), say('bytes', call.bodyBytes ?? 0)))),
  ];
}

function entry(call) {
  const body = h('div.call-whole');
  const details = h('details.entry', { id: `entry-${call.seq}` },
    h('summary', {},
      h('time', { datetime: call.at, title: call.at }, time(call.at)),
      h(`span.status.s${String(call.status)[0]}`, {}, call.status),
      h('code.said', {}, call.code ?? '–'),
      h('span.operation', {}, call.operation ?? `${call.method} ${call.path}`),
      h('span.duration', {}, duration(call.durationUs)),
      h('code.correlation', {}, call.correlationId ?? '–')),
    body);
  details.addEventListener('toggle', async () => {
    if (!details.open || body.childElementCount > 0) return;
    body.replaceChildren(h('p', {}, say('loading')));
    try {
      body.replaceChildren(...whole(await sandbox(`calls/${call.seq}`)).filter(Boolean));
    } catch (error) {
      body.replaceChildren(h('p.fault', { role: 'alert' }, error.message));
      details.addEventListener('toggle', () => body.replaceChildren(), { once: true });
    }
  });
  return details;
}

const fits = (call, wanted) =>
  [call.correlationId, call.code, call.operation, call.path, String(call.status)].some((text) =>
    (text ?? '').toLowerCase().includes(wanted));

function build(box) {
  const asked = new URLSearchParams(location.search).get('correlationId') ?? '';
  const [list, note] = [h('div.calls'), h('p.log-note', { role: 'status' })];
  const input = h('input', { type: 'search', id: 'log-filter', value: asked, spellcheck: 'false',
    autocomplete: 'off', placeholder: say('log-filter-hint') });
  const calls = new Map();
  let last = 0;
  let source;
  let isPolling = false;

  const filter = () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const { call, element } of calls.values()) {
      element.hidden = !fits(call, wanted);
      shown += element.hidden ? 0 : 1;
    }
    if (calls.size === 0) note.textContent = say('no-calls');
    else note.textContent = shown ? say('calls-shown', shown, calls.size) : say('no-call-fits');
  };
  const take = (call) => {
    if (calls.has(call.seq)) return;
    last = Math.max(last, call.seq);
    const element = entry(call);
    const next = [...list.children].find((each) => Number(each.id.slice(6)) < call.seq);
    list.insertBefore(element, next ?? null);
    calls.set(call.seq, { call, element });
    if (calls.size <= CALLS_MAX) return;
    const oldest = Math.min(...calls.keys());
    calls.get(oldest).element.remove();
    calls.delete(oldest);
  };
  const read = async () => {
    const found = await sandbox(`calls?after=${last}&limit=${CALLS_MAX}`);
    // A sandbox that was started anew counts from the beginning.
    if (found.last < last) {
      calls.clear();
      list.replaceChildren();
      last = 0;
      return read();
    }
    found.calls.toReversed().forEach(take);
    last = found.last;
    return filter();
  };
  // While the stream is not open, what comes in is asked for.
  const poll = async () => {
    if (isPolling) return;
    isPolling = true;
    while (source.readyState !== EventSource.OPEN) {
      await new Promise((done) => setTimeout(done, POLL_MS));
      try {
        await read();
        if (source.readyState === EventSource.CLOSED) listen();
      } catch {
        note.textContent = say('server-away');
      }
    }
    isPolling = false;
  };
  const listen = () => {
    source = new EventSource(`/sandbox/v1/calls/stream?after=${last}`);
    source.addEventListener('call', ({ data }) => {
      take(JSON.parse(data));
      filter();
    });
    source.addEventListener('open', filter);
    // More was missed than the server kept for this reader.
    source.addEventListener('reload', () => {
      source.close();
      poll();
    });
    source.addEventListener('error', poll);
  };
  const start = async () => {
    try {
      await read();
      if (asked) list.querySelector('details:not([hidden])')?.setAttribute('open', '');
    } catch (error) {
      note.textContent = error.message;
    }
    listen();
  };
  input.addEventListener('input', filter);
  box.append(
    h('p.log-filter', {}, h('label', { for: 'log-filter' }, say('log-filter')), input), note, list);
  box.hidden = false;
  start();
}

document.querySelectorAll('[data-log]').forEach(build);
