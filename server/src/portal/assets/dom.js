// What the page's scripts share: words, elements, copying, tabs, what is remembered.

import { pieces } from './json.js';

const words = JSON.parse(document.getElementById('words')?.textContent ?? '{}');
const COLOURED_CHARS_MAX = 50_000;

/** What stands in front of a path in the page's language. */
export const root = document.documentElement.lang === 'ko' ? '/ko' : '';

/** The words of this name in the page's language; `{0}` is the first of the values. */
export const say = (name, ...values) =>
  (words[name] ?? name).replace(/\{(\d)\}/g, (_, at) => String(values[at] ?? ''));

/** An element: `h('p.note', {id: 'x', click: handler}, children…)`. Nothing is read as HTML. */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, '');
    else if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(key, value);
    }
  }
  const isShown = (child) => child !== undefined && child !== null && child !== false;
  element.append(...children.flat(Infinity).filter(isShown));
  return element;
}

const live = document.body.appendChild(h('p.visually-hidden', { role: 'status' }));

/** Says something to who does not see the page. */
export function announce(text) {
  live.textContent = '';
  setTimeout(() => (live.textContent = text), 50);
}

/** What this browser remembers of the page, by name; nothing where storage is forbidden. */
export function remembered(storage, name) {
  try {
    return JSON.parse(globalThis[storage].getItem(`platen.${name}`));
  } catch {
    return null;
  }
}

export function remember(storage, name, value) {
  try {
    globalThis[storage].setItem(`platen.${name}`, JSON.stringify(value));
  } catch {
    // Forbidden or full: it is forgotten with the page.
  }
}

/** A button that copies what `text` returns. */
export function copyButton(text, label = say('copy')) {
  const button = h('button.copy', { type: 'button', 'aria-label': label }, say('copy'));
  button.addEventListener('click', async () => {
    // On plain http from another machine there is no clipboard.
    const write = async () => navigator.clipboard.writeText(text());
    const done = await write().then(() => 'copied', () => 'not-copied');
    button.textContent = say(done);
    announce(say(done));
    setTimeout(() => (button.textContent = say('copy')), 2_000);
  });
  return button;
}

/** JSON with a colour for each kind of piece. */
export function coloured(text) {
  if (text.length > COLOURED_CHARS_MAX) return [text];
  const all = pieces(text);
  return all.map(({ kind, text: piece }, at) => {
    if (kind === 'space' || kind === 'bad') return piece;
    const next = all.slice(at + 1, at + 3).find((each) => each.kind !== 'space');
    const isName = kind === 'string' && next?.text === ':';
    return h(`span.json-${isName ? 'name' : kind}`, {}, piece);
  });
}

/** A block of text to read and copy. */
export function codeBlock(caption, text, children = [text]) {
  const label = typeof caption === 'string' ? caption : undefined;
  return h(
    'figure.code-block',
    {},
    h('figcaption', {}, caption, copyButton(() => text, label && `${say('copy')}: ${label}`)),
    h('pre', { tabindex: '0', 'aria-label': label }, h('code', {}, children)),
  );
}

let count = 0;

/** Tabs over panels: `entries` are `{label, panel}`; `changed` gets the label that is chosen. */
export function tabs(label, entries, chosen = 0, changed = () => {}) {
  const list = h('div.tabs', { role: 'tablist', 'aria-label': label });
  const buttons = entries.map(({ label: text, panel }) => {
    count += 1;
    panel.id ||= `panel-${count}`;
    const id = `tab-${count}`;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', id);
    return h('button', { type: 'button', role: 'tab', id, 'aria-controls': panel.id }, text);
  });
  const choose = (at) => {
    buttons.forEach((button, each) => {
      button.setAttribute('aria-selected', String(each === at));
      button.tabIndex = each === at ? 0 : -1;
      entries[each].panel.hidden = each !== at;
    });
  };
  const moves = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };
  buttons.forEach((button, at) => {
    const pick = (next) => {
      choose(next);
      changed(entries[next].label);
    };
    button.addEventListener('click', () => pick(at));
    button.addEventListener('keydown', (event) => {
      if (!(event.key in moves)) return;
      event.preventDefault();
      const next = Math.min(Math.max(at + moves[event.key], 0), buttons.length - 1);
      pick(next);
      buttons[next].focus();
    });
  });
  choose(Math.max(0, chosen));
  list.append(...buttons);
  return list;
}

/** Plain JSON from the sandbox; an error has its sentence, or names the reason `away`. */
export async function sandbox(path, body) {
  const init = body && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  };
  const answer = await fetch(`/sandbox/v1/${path}`, { cache: 'no-store', ...init }).catch(() => {
    throw Object.assign(new Error(say('server-away')), { reason: 'server-away' });
  });
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  throw Object.assign(new Error(json.error ?? `HTTP ${answer.status}`), { status: answer.status });
}
