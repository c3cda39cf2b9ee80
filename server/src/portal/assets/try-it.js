// Try It!: a call of this page's operation, signed and encrypted here, sent, and shown.

import { announce, h, remember, remembered, root, sandbox, say } from './dom.js';
import { pretty, read } from './json.js';
import { draw as drawState, fetchState } from './live.js';
import { views } from './views.js';
import * as wire from './wire.js';

const ANSWER_MS_MAX = 60_000;
const CALLS_MAX = 30;
/** What the bank can be told for one call, and the code that it leads to. */
const BANK = [
  ['answer', '000_000'], ['refuse:412', '003_052'], ['refuse:815', '003_053'],
  ['refuse:S54', '003_054'], ['refuse:S56', '003_056'], ['refuse:S57', '003_057'],
  ['refuse:S58', '003_058'], ['refuse:S59', '003_059'], ['disconnect', '003_055'],
  ['take_silently', '003_055'], ['delay:30000', '003_055'],
];
/** Codes that say that the keys are not those of this sandbox: it may be a new one. */
const FOREIGN_KEYS = ['000_902', '000_911', '000_912'];

const main = document.querySelector('main[data-operation]');
const { operation, path } = main?.dataset ?? {};
const isEncrypted = (direction) => main.dataset[`${direction}Encrypted`] === 'true';

/** The scenarios, each with the text of its request as the page has it, number by number. */
function readScenarios() {
  const text = `{"all":${document.getElementById('scenarios')?.textContent || '[]'}}`;
  const { places } = read(text);
  return JSON.parse(text).all.map((scenario, at) => {
    const { at: from, end } = places.get(`all.${at}.request`);
    return { ...scenario, text: pretty(text.slice(from, end)) };
  });
}

let credentials;
/** The sandbox project's keys, asked for once. */
async function keys() {
  credentials ??= await sandbox('credentials').catch((error) => {
    if (error.reason) throw error;
    throw new Error(say('no-credentials', error.message));
  });
  return credentials;
}

/** An error as a sentence in the page's language. */
const sentence = (error) => {
  if (error.reason === 'no-webcrypto') return say('no-webcrypto', location.port || '80');
  return error.reason && say(error.reason) !== error.reason ? say(error.reason) : error.message;
};

const select = (id, label, options, hint) => {
  const element = h('select', { id, 'aria-describedby': hint && `${id}-hint` },
    options.map(([value, text]) => h('option', { value }, text)));
  const field = h('p.option', {}, h('label', { for: id }, label), element,
    hint && h('small', { id: `${id}-hint` }, hint));
  return { element, field };
};

/** The request's text with its line numbers, and what is wrong with it. */
class Editor {
  #fault;

  constructor(changed) {
    this.text = h('textarea', { id: 'try-request', spellcheck: 'false', autocapitalize: 'off',
      autocomplete: 'off', wrap: 'off', 'aria-describedby': 'try-request-note' });
    this.lines = h('div.lines', { 'aria-hidden': 'true' });
    this.note = h('p.editor-note', { id: 'try-request-note', role: 'status' });
    this.text.addEventListener('input', () => {
      this.#fault = undefined;
      this.check();
      changed();
    });
    this.element = h('div.editor', {}, h('div.editor-text', {}, this.lines, this.text), this.note);
  }

  get value() {
    return this.text.value;
  }

  set value(text) {
    this.text.value = text;
    this.#fault = undefined;
    this.check();
  }

  /** Reads the text, and says where it breaks. */
  check() {
    const { places, wrong } = read(this.value);
    const at = wrong ?? this.#fault;
    const count = this.value.split('\n').length;
    this.text.rows = Math.max(count, 4);
    this.lines.replaceChildren(...Array.from({ length: count }, (_, line) =>
      h(`div${at?.line === line + 1 ? '.at-fault' : ''}`, {}, line + 1)));
    this.text.setAttribute('aria-invalid', String(Boolean(at)));
    this.note.classList.toggle('fault', Boolean(at));
    if (wrong) {
      const found = wrong.found ? say('found', wrong.found) : say('found-end');
      const wanted = say(`wanted-${wrong.wanted}`);
      this.note.textContent = say('broken-json', wrong.line, wrong.column, wanted, found);
    } else this.note.textContent = this.#fault?.text ?? say('valid-json');
    return { places, wrong };
  }

  /** Marks the field that an answer names: where it stands, or its nearest object. */
  mark(field, text) {
    const { places, wrong } = read(this.value);
    if (wrong) return;
    const last = field.split('.').at(-1);
    const named = [...places.keys()].find((key) => key.split('.').at(-1) === last);
    const near = field.split('.').slice(0, -1).join('.').replaceAll('[]', '');
    const { at } = places.get(field) ?? places.get(named) ?? places.get(near) ?? places.get('');
    const line = this.value.slice(0, at).split('\n').length;
    this.#fault = { line, text };
    this.check();
  }

  /** Puts the cursor where the text breaks. */
  show(wrong) {
    this.text.focus();
    this.text.setSelectionRange(wrong.at, wrong.at + wrong.found.length);
  }
}

/** What the page says about a code: its row in the table of codes. */
function documented(code) {
  const row = document.getElementById(`code-${code}`);
  const [meaning, advice] = [...(row?.cells ?? [])].slice(-2).map((cell) => cell.textContent);
  return { meaning, advice, href: row ? `#code-${code}` : `${root}/errors#code-${code}` };
}

/** Marks a field in the documentation, or takes the marks away. */
function markField(name, text) {
  document.querySelectorAll('.field.at-fault').forEach((row) => {
    row.classList.remove('at-fault');
    row.querySelector(':scope > .fault')?.remove();
  });
  if (!name) return undefined;
  const rows = [...document.querySelectorAll('.field[id^="request-"]')];
  const row =
    document.getElementById(`request-${name.replaceAll('[]', '')}`) ??
    rows.find(({ id }) => id.split(/[-.]/).at(-1) === name.split('.').at(-1));
  row?.classList.add('at-fault');
  row?.querySelector('.field-head')?.after(h('p.fault', {}, text));
  return row;
}

/** Puts the call on the screen into the code to copy, as each language writes a text. */
function fillCode(title, text) {
  for (const body of document.querySelectorAll('[data-escapes]')) {
    const { escapes, indent } = body.dataset;
    const give = (all, [from, to]) => all.replaceAll(from, () => to);
    body.textContent = JSON.parse(escapes).reduce(give, text).replaceAll('\n', `\n${indent}`);
    body.parentElement.querySelector('[data-title]').textContent = title;
  }
}

class TryIt {
  calls = [];
  isSending = false;

  constructor(box) {
    this.box = box;
    this.scenarios = readScenarios();
    this.editor = new Editor(() => this.keep());
    this.scenario = select('try-scenario', say('test-data'),
      this.scenarios.map(({ name, title }) => [name, title]));
    this.scenario.element.addEventListener('change', () => this.choose(this.chosen));
    this.result = h('section.result', { 'aria-label': say('answer'), tabindex: '-1', hidden: true });
    this.state = h('section.live', { 'aria-label': say('what-is-held'), hidden: true });
    this.history = h('section.history', { 'aria-label': say('calls-of-visit'), hidden: true });
    this.problem = h('p.problem.fault', { role: 'alert', hidden: true });
    this.build();
    this.restore();
  }

  named(name) {
    return this.scenarios.find((scenario) => scenario.name === name);
  }

  get chosen() {
    return this.named(this.scenario.element.value);
  }

  build() {
    const options = {
      enc: select('try-enc', say('encryption'), [['A256GCM', 'A256GCM'], ['A128GCM', 'A128GCM'],
        ['', say('plain')]]),
      base: select('try-base', say('base-path'), [['/open-api', '/open-api'], ['', say('bare')]]),
      bank: select('try-bank', say('bank'), [['', say('bank-as-given')], ...BANK.map(
        ([behaviour, code]) => [behaviour, `${say(`bank-${behaviour}`)} · ${code}`])],
      say('bank-hint')),
    };
    if (!isEncrypted('request')) options.enc.element.value = '';
    options.bank.field.hidden = !document.getElementById('code-003_055');
    this.arm = h('input', { type: 'checkbox', id: 'try-arm', checked: true });
    this.id = h('input', { id: 'try-id', maxlength: '40', spellcheck: 'false', autocomplete: 'off',
      placeholder: say('new-each-call') });
    this.options = options;
    this.button = h('button.primary', { type: 'submit' }, say('send'));
    const form = h('form', { submit: (event) => {
      event.preventDefault();
      this.send();
    } },
    this.scenario.field,
    h('div.editor-head', {}, h('label', { for: 'try-request' }, say('request-body')),
      h('button.plain', { type: 'button', click: () => this.choose(this.chosen) }, say('reset'))),
    this.editor.element,
    options.bank.field,
    h('details.options', {}, h('summary', {}, say('options')),
      h('div.option-grid', {}, options.enc.field, options.base.field,
        h('p.option', {}, h('label', { for: 'try-id' }, 'X-KM-Correlation-Id'), this.id),
        h('p.option.check', {}, this.arm, h('label', { for: 'try-arm' }, say('arm-first'))))),
    h('p.send', {}, this.button, h('span.hint', { 'aria-hidden': 'true' }, 'Ctrl + Enter')),
    this.problem);
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    const title = h('h2', {}, say('try-it'));
    this.box.replaceChildren(title, form, this.result, this.state, this.history);
    this.box.hidden = false;
    for (const details of document.querySelectorAll('details[data-scenario]')) {
      const click = () => {
        this.scenario.element.value = details.dataset.scenario;
        this.choose(this.chosen);
        this.box.scrollIntoView({ block: 'nearest' });
        this.button.focus();
      };
      details.querySelector('summary').after(
        h('p.try', {}, h('button', { type: 'button', click }, say('try-this'))));
    }
    if (!globalThis.crypto?.subtle) this.fail(new wire.WireError('no-webcrypto'));
  }

  /** What was typed and called before in this visit. */
  restore() {
    const draft = remembered('sessionStorage', `draft.${operation}`);
    const first = this.scenarios.find(({ expect }) => expect.code === '000_000');
    const wanted = this.named(draft?.scenario) ?? first ?? this.scenarios[0];
    this.scenario.element.value = wanted?.name ?? '';
    this.editor.value = draft?.text ?? this.chosen?.text ?? '{}';
    this.calls = remembered('sessionStorage', `calls.${operation}`) ?? [];
    this.drawHistory();
    this.keep();
  }

  keep() {
    const { chosen: { name, title, text: given } = {}, editor: { value: text } } = this;
    remember('sessionStorage', `draft.${operation}`, { scenario: name, text });
    if (read(text).wrong) return;
    fillCode(text === given ? `${title} (${name})` : say('own-request'), text);
  }

  choose(scenario) {
    this.editor.value = scenario?.text ?? this.editor.value;
    markField();
    this.keep();
  }

  fail(error) {
    this.problem.textContent = sentence(error);
    this.problem.hidden = false;
  }

  /** Sends what is in the form, or a call again: as a new one, or as the `same`. */
  async send(again, isSame = false) {
    if (this.isSending) return;
    this.problem.hidden = true;
    const { wrong } = again ? {} : this.editor.check();
    if (wrong) return void this.editor.show(wrong);
    markField();
    const call = again ? this.repeated(again, isSame) : this.fromForm();
    this.isSending = true;
    this.button.disabled = true;
    this.button.textContent = say('sending');
    await this.run(call, isSame).catch((error) => this.fail(error));
    if (call.sent) this.add(call);
    this.isSending = false;
    this.button.disabled = false;
    this.button.textContent = say('send');
  }

  fromForm() {
    const { enc, base, bank } = this.options;
    return {
      scenario: this.chosen?.name,
      text: this.editor.value,
      isEdited: this.editor.value !== this.chosen?.text,
      enc: enc.element.value,
      base: base.element.value,
      bank: bank.field.hidden ? '' : bank.element.value,
      isArmed: this.arm.checked,
      id: this.id.value.trim() || undefined,
    };
  }

  repeated(call, isSame) {
    const { scenario, isEdited, text, enc, base, bank, isArmed, id } = call;
    if (!isSame) return { scenario, isEdited, text, enc, base, bank, isArmed };
    const first = call.first ?? call;
    return { scenario, isEdited, text, enc, base, bank: '', isArmed: false, id, first };
  }

  async run(call, isSame) {
    const own = await keys();
    if (call.isArmed && call.scenario) {
      await sandbox(`scenarios/${operation}/${call.scenario}/arm`, {});
    }
    if (call.bank) await this.setBank(call);
    const look = () => call.scenario && fetchState(operation, call.scenario).catch(() => undefined);
    call.before = await look();
    const withKeyId = Boolean(call.enc) || isEncrypted('response');
    const { enc, id, base, text: clear } = call;
    const order = { credentials: own, path: base + path, clear, enc, id, withKeyId };
    call.sent = await wire.prepare(order);
    call.id = new Map(call.sent.headers).get('X-KM-Correlation-Id');
    call.at = new Date().toISOString();
    const received = await wire.send(call.sent, AbortSignal.timeout(ANSWER_MS_MAX));
    Object.assign(call, { status: received.status, ms: received.ms });
    call.answer = await wire.open(received, own);
    const { code, description } = call.answer.response ?? {};
    Object.assign(call, { code, description });
    if (FOREIGN_KEYS.includes(code)) credentials = undefined;
    // Of a call before the page was loaded anew, the code alone is known.
    const isAsBefore = ({ answer, code: before }) =>
      answer ? call.answer.clear === answer.clear : code === before;
    if (isSame) call.isSameAnswer = isAsBefore(call.first);
    call.after = await look();
  }

  /** The bank's behaviour belongs to the member whom the request names. */
  async setBank(call) {
    const { places } = read(call.text);
    const key = [...places.keys()].find((each) => each.split('.').at(-1) === 'userId');
    const user = places.get(key)?.text ?? '';
    if (!/^\d+$/.test(user)) throw new Error(say('bank-needs-member'));
    const body = { behaviour: call.bank, scope: 'next' };
    await sandbox(`members/${user}/bank-behaviour`, body).catch((error) => {
      throw error.reason ? error : new Error(say('bank-not-set', error.message));
    });
  }

  add(call) {
    this.calls = [call, ...this.calls.filter((each) => each !== call)].slice(0, CALLS_MAX);
    const kept = ({ sent, answer, before, after, first, ...plain }) => plain;
    remember('sessionStorage', `calls.${operation}`, this.calls.map(kept));
    this.drawHistory();
    this.draw(call);
    this.result.focus({ preventScroll: true });
    this.result.scrollIntoView({ block: 'nearest' });
  }

  draw(call) {
    const kind = `s${String(call.status ?? 5)[0]}`;
    const { meaning, advice, href } = documented(call.code);
    this.result.replaceChildren(
      h('h3', {}, say('answer')),
      h('p.verdict', {}, h(`span.status.${kind}`, {}, call.status ?? say('none')), ' ',
        h('code.said', {}, call.code ?? '–'), ' ',
        h('span.message', {}, call.description ?? say('no-answer-to-show'))),
      h('p.call-facts', {}, this.facts(call)),
      this.verdict(call) ?? '',
      call.code && call.code !== '000_000' ? h('p.meaning', {}, meaning, ' ', advice, ' ',
        h('a', { href }, say('about-code'))) : '',
      h('p.buttons', {}, this.againButtons(call)),
      call.sent ? views(call, this.view, (label) => (this.view = label)) : '',
    );
    this.result.hidden = false;
    this.drawState(call);
    this.drawFault(call);
    announce(`${call.status ?? ''} ${call.code ?? ''} ${call.description ?? ''}`);
  }

  facts(call) {
    const log = `${root}/log?correlationId=${encodeURIComponent(call.id)}`;
    return [
      call.ms !== undefined && h('span.time', {}, `${call.ms.toFixed(call.ms < 10 ? 1 : 0)} ms`),
      h('code', {}, call.id),
      h('a', { href: log }, say('in-log')),
    ];
  }

  /** Whether it is what the documentation says, or what was answered before. */
  verdict(call) {
    const note = (isGood, text) => h(`p.note${isGood ? '.good' : '.warn'}`, {}, text);
    const again = call.isSameAnswer;
    if (again !== undefined) return note(again, say(again ? 'same-answer' : 'other-answer'));
    const scenario = this.named(call.scenario);
    if (!scenario || call.isEdited || call.bank || call.status === undefined) return undefined;
    const { status, code } = scenario.expect;
    const isSame = call.status === status && call.code === code;
    return note(isSame, say(isSame ? 'as-documented' : 'not-as-documented', `${status} ${code}`));
  }

  againButtons(call) {
    const button = (isSame, name) =>
      h('button', { type: 'button', click: () => this.send(call, isSame) }, say(name));
    return [button(true, 'send-same'), ' ', button(false, 'send-new')];
  }

  drawState(call) {
    this.state.hidden = !call.after;
    if (!call.after) return;
    const redraw = (after) => this.drawState(Object.assign(call, { after }));
    const refresh = () =>
      fetchState(operation, call.scenario).then(redraw).catch((error) => this.fail(error));
    drawState(this.state, { before: call.before, after: call.after, refresh });
  }

  /** A field at fault is named at the end of the message of 000_002. */
  drawFault({ code, description, text }) {
    const field = code === '000_002' && /\. (\S+)$/.exec(description)?.[1];
    const row = markField(field, description);
    if (!field) return;
    const marked = row?.id.slice('request-'.length) ?? field;
    if (text === this.editor.value) this.editor.mark(marked, say('field-at-fault', marked));
    const about = row && h('p', {}, h('a', { href: `#${row.id}` }, say('about-field', marked)));
    if (about) this.result.querySelector('.buttons').before(about);
  }

  drawHistory() {
    const row = (call) => {
      const time = new Date(call.at).toLocaleTimeString([], { hour12: false });
      const title = call.isEdited ? say('own-request') : (this.named(call.scenario)?.title ?? '');
      return h('li', {},
        h('button.plain', { type: 'button', click: () => this.draw(call) },
          h('time', {}, time), ' ', h('code', {}, call.code ?? say('none')), ' ', title,
          call.isSameAnswer !== undefined && ` · ${say('repeated')}`),
        h('span.buttons', {}, this.againButtons(call)));
    };
    this.history.replaceChildren(
      h('h3', {}, say('calls-of-visit')), h('ol', {}, this.calls.map(row)));
    this.history.hidden = this.calls.length === 0;
  }
}

document.querySelectorAll('[data-try-it]').forEach((box) => new TryIt(box));
