// What the sandbox holds for a scenario: before a call and after it, with what has changed.

import { announce, h, sandbox, say } from './dom.js';

/** What the sandbox holds of the scenario's member. */
export const fetchState = (operation, name) =>
  sandbox(`scenarios/${encodeURIComponent(operation)}/${encodeURIComponent(name)}/state`);

/** Where a delivery may go from its state. */
const WAYS = {
  READY: ['RECEIPT'],
  RECEIPT: ['PRE_SHIPPING'],
  PRE_SHIPPING: ['SHIPPING'],
  SHIPPING: ['ARRIVAL', 'LOST', 'RETURN'],
};

const won = (amount) => {
  const text = String(amount ?? 0);
  return /^-?\d+$/.test(text) ? `₩${BigInt(text).toLocaleString('en')}` : text;
};

/** Pairs each thing with what it was before: `was` is undefined for a new one. */
function compared(before, after, key) {
  const old = new Map((before ?? []).map((each, at) => [each[key] ?? at, each]));
  return (after ?? []).map((now, at) => ({ now, was: old.get(now[key] ?? at), isKnown: before }));
}

/** A value; marked, with the old one beside it, where it has changed. */
function value({ now, was, isKnown }, name, shown = (each) => each ?? '–') {
  const text = String(shown(now[name]));
  if (!isKnown) return text;
  if (!was) return text;
  const old = String(shown(was[name]));
  if (old === text) return text;
  const hidden = (word) => h('span.visually-hidden', {}, ` ${say(word)} `);
  return [h('del', {}, hidden('was'), old), ' ', h('ins', {}, hidden('is-now'), text)];
}

const isNew = ({ was, isKnown }) => isKnown && !was;
const fresh = (pair) => isNew(pair) && h('span.badge.new', {}, say('new'));
const facts = (...rows) =>
  h('dl.facts', {}, rows.map(([name, text]) => h('div', {}, h('dt', {}, name), h('dd', {}, text))));
const section = (title, ...children) => h('section.live-part', {}, h('h4', {}, title), children);

/** Accounts from the oldest to the newest: each behind the one that it replaces. */
function inOrder(pairs) {
  const ids = new Set(pairs.map(({ now }) => now.accountId));
  const starts = pairs.filter(({ now }) => !ids.has(now.predecessor));
  const ordered = [];
  for (let next = starts; next.length > 0; ) {
    ordered.push(...next);
    next = pairs.filter(
      (pair) => !ordered.includes(pair) && next.some(({ now }) => now.accountId === pair.now.predecessor),
    );
  }
  return [...ordered, ...pairs.filter((pair) => !ordered.includes(pair))];
}

function chain(before, after) {
  const cards = compared(before?.cards, after.cards, 'cardId');
  const account = (pair) => {
    const own = cards.filter(({ now }) => now.accountId === pair.now.accountId);
    const follows = pair.now.predecessor && h('p.follows', {}, say('replaces-card-before'));
    return h(
      `li.account.is-${String(pair.now.state).toLowerCase()}${isNew(pair) ? '.is-new' : ''}`,
      {},
      follows,
      h('p.account-head', {}, h('strong', {}, value(pair, 'state')), ' ', fresh(pair),
        h('span.balance', {}, value(pair, 'balance', won))),
      h('ul', {}, own.map((card) =>
        h('li', {}, h('span.form', {}, value(card, 'form')), ' ', h('code', {}, card.now.number),
          h('span.expiry', {}, ` ${say('valid-to')} ${card.now.expiry ?? '–'}`), ' ', fresh(card)))),
      pair.now.isMain && h('p.main-card', {}, say('main-card')),
    );
  };
  const accounts = inOrder(compared(before?.accounts, after.accounts, 'accountId'));
  const nothing = accounts.length === 0 && h('p', {}, say('no-cards'));
  return section(say('cards'), nothing, h('ol.chain', {}, accounts.map(account)));
}

function applications(before, after) {
  const all = compared(before?.applications, after.applications, 'applyNo');
  if (all.length === 0) return null;
  return section(say('applications'), all.map((pair) =>
    facts(
      [say('application'), [h('code', {}, pair.now.applyNo), ' ', fresh(pair)]],
      [say('state'), value(pair, 'state')],
      [say('fee'), value(pair, 'fee', won)],
      ...(pair.now.refusal ? [[say('refusal'), value(pair, 'refusal')]] : []),
    )));
}

function deliveries(before, after, moved) {
  const all = compared(before?.deliveries, after.deliveries, 'applyNo');
  if (all.length === 0) return null;
  const move = async (applyNo, state, refused) => {
    try {
      await sandbox(`deliveries/${encodeURIComponent(applyNo)}/advance`, { state });
      announce(say('delivery-is', state));
      await moved();
    } catch (error) {
      refused.textContent = error.message;
    }
  };
  return section(say('deliveries'), all.map((pair) => {
    const refused = h('p.fault', { role: 'alert' });
    const ways = WAYS[pair.now.state] ?? [];
    const buttons = ways.map((state) => {
      const attributes = { type: 'button', click: () => move(pair.now.applyNo, state, refused) };
      return h('button', attributes, say(`deliver-${state}`));
    });
    return [
      facts(
        [say('application'), [h('code', {}, pair.now.applyNo), ' ', fresh(pair)]],
        [say('state'), value(pair, 'state')],
      ),
      buttons.length > 0 && h('p.buttons', {}, buttons),
      refused,
    ];
  }));
}

function journals(before, after) {
  const old = new Set((before?.journals ?? []).map((each) => JSON.stringify(each)));
  const all = (after.journals ?? []).map((now) => {
    return { now, was: old.has(JSON.stringify(now)) || undefined, isKnown: before };
  });
  if (all.length === 0) return null;
  const line = ({ debit, credit, amount }) =>
    h('li', {}, h('span.posting', {}, `${debit} → ${credit}`), h('span.amount', {}, won(amount)));
  return section(say('journals'), h('ol.journals', {}, all.map((pair) =>
    h(`li${isNew(pair) ? '.is-new' : ''}`, {}, h('strong', {}, pair.now.event), ' ', fresh(pair),
      h('ul', {}, (pair.now.lines ?? []).map(line))))));
}

/** The bank's side: the member and the accounts that a fee is drawn from. */
function member(before, after) {
  const pair = { now: after.member ?? {}, was: before?.member ?? undefined, isKnown: before };
  const banks = compared(before?.bankAccounts, after.bankAccounts, 'id').map((bank) => [
    say('bank-account'),
    [bank.now.bankCode, ' ', value(bank, 'state'), ' ', h('code', {}, value(bank, 'behaviour'))],
  ]);
  return section(say('member'), facts(
    [say('member-id'), h('code', {}, pair.now.userId ?? '–')],
    [say('state'), value(pair, 'state')],
    [say('id-card'), value(pair, 'idVerified', (is) => say(is ? 'verified' : 'not-verified'))],
    ...banks,
  ));
}

/** Draws it into `box`; `moved` is called when a delivery was moved on, to draw it anew. */
export function draw(box, { before, after, refresh }) {
  const head = h(
    'div.live-head',
    {},
    h('h3', {}, say(before ? 'before-and-after' : 'what-is-held')),
    h('button', { type: 'button', click: refresh }, say('look-again')),
  );
  const parts = [
    chain(before, after),
    applications(before, after),
    deliveries(before, after, refresh),
    journals(before, after),
    member(before, after),
  ];
  box.replaceChildren(head, ...parts.filter(Boolean));
  box.hidden = false;
}
