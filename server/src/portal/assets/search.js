// Search over the index that the page names, in the browser alone.

import { h, say } from './dom.js';

const RESULTS_MAX = 12;
const KINDS = ['operation', 'guide', 'page', 'code', 'field', 'header'];

const folded = (text) => (text ?? '').normalize('NFC').toLowerCase();

/** How well an entry answers to one word: 0 where it does not. */
function score(entry, word) {
  if (entry.title.startsWith(word)) return 8;
  if (entry.words.some((each) => each.startsWith(word))) return 6;
  if (entry.title.includes(word)) return 4;
  if (entry.text.split(/[\s.,()]+/).some((each) => each.startsWith(word))) return 2;
  return entry.text.includes(word) ? 1 : 0;
}

/** The entries that answer to every word, the best first. */
function find(index, query) {
  const words = folded(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const scored = index.map((entry) => {
    const scores = words.map((word) => score(entry.folded, word));
    return { entry, sum: scores.includes(0) ? 0 : scores.reduce((sum, each) => sum + each) };
  });
  const rank = ({ kind }) => (KINDS.indexOf(kind) + 1 || KINDS.length + 1) / 10;
  return scored
    .filter(({ sum }) => sum > 0)
    .sort((a, b) => b.sum - rank(b.entry) - (a.sum - rank(a.entry)))
    .slice(0, RESULTS_MAX)
    .map(({ entry }) => entry);
}

/** An entry with what is compared made ready once. */
const prepared = (entry) => {
  const title = folded(entry.title);
  const words = title.split(/[^\p{L}\p{N}_]+/u).concat(title.split('_'));
  return { ...entry, folded: { title, words, text: folded(entry.text) } };
};

function build(box) {
  const list = h('ul.results', { role: 'listbox', id: 'results', 'aria-label': say('search') });
  const input = h('input', {
    type: 'search', role: 'combobox', 'aria-label': say('search'), placeholder: say('search-for'),
    'aria-controls': 'results', 'aria-expanded': 'false', 'aria-autocomplete': 'list',
    autocomplete: 'off', spellcheck: 'false', enterkeyhint: 'go', maxlength: '80',
  });
  const note = h('p.search-note', { role: 'status' });
  const panel = h('div.search-panel', { hidden: true }, note, list);
  let [index, found, at] = [undefined, [], -1];

  const load = () => {
    index ??= fetch(box.dataset.search)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((entries) => entries.map(prepared))
      .catch(() => {
        index = undefined;
        return undefined;
      });
    return index;
  };
  const close = () => {
    panel.hidden = true;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
    at = -1;
  };
  const point = (next) => {
    at = found.length ? (next + found.length) % found.length : -1;
    [...list.children].forEach((row, each) => {
      row.setAttribute('aria-selected', String(each === at));
      if (each === at) row.scrollIntoView({ block: 'nearest' });
    });
    if (at >= 0) input.setAttribute('aria-activedescendant', `result-${at}`);
  };
  const go = (entry) => {
    close();
    input.blur();
    location.assign(entry.url);
  };
  const show = async () => {
    const query = input.value;
    const all = await load();
    if (query !== input.value) return;
    if (!query.trim()) return close();
    found = all ? find(all, query) : [];
    note.textContent = all ? found.length ? '' : say('nothing-found', query) : say('search-away');
    list.replaceChildren(...found.map((entry, each) =>
      h(
        'li',
        { role: 'option', id: `result-${each}`, 'aria-selected': 'false', click: () => go(entry) },
        h('span.kind', {}, say(`kind-${entry.kind}`)),
        h('span.title', {}, entry.title),
        h('span.where', {}, entry.text ?? ''),
      )));
    panel.hidden = false;
    input.setAttribute('aria-expanded', String(found.length > 0));
    point(0);
  };
  const keys = {
    ArrowDown: () => point(at + 1),
    ArrowUp: () => point(at - 1),
    Enter: () => found[at] && !panel.hidden && go(found[at]),
    Escape: () => {
      if (panel.hidden) input.value = '';
      close();
    },
  };
  input.addEventListener('focus', load, { once: true });
  input.addEventListener('input', show);
  input.addEventListener('keydown', (event) => {
    if (!(event.key in keys) || event.isComposing) return;
    event.preventDefault();
    keys[event.key]();
  });
  input.addEventListener('blur', close);
  panel.addEventListener('mousedown', (event) => event.preventDefault());
  addEventListener('keydown', (event) => {
    const isTyping = event.target.closest?.('input, textarea, select, [contenteditable]');
    if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
  });
  box.append(input, h('kbd', { 'aria-hidden': 'true' }, '/'), panel);
  box.hidden = false;
}

document.querySelectorAll('[data-search]').forEach(build);
