// JSON as it is typed: where it breaks, where each field stands, and how it reads well, without
// turning a number into another one. No DOM.

const PIECE = new RegExp(
  [
    '(?<space>[\\t\\n\\r ]+)',
    '(?<string>"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*")',
    '(?<number>-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][+-]?\\d+)?)',
    '(?<word>true|false|null)(?![A-Za-z0-9_])',
    '(?<mark>[{}\\[\\],:])',
  ].join('|'),
  'y',
);
const DEPTH_MAX = 64;

/** The pieces of a text: `{kind, text, at}`; an unreadable rest is one piece of kind `bad`. */
export function pieces(text) {
  const found = [];
  for (let at = 0; at < text.length; at = PIECE.lastIndex) {
    PIECE.lastIndex = at;
    const match = PIECE.exec(text);
    if (!match) return [...found, { kind: 'bad', text: text.slice(at), at }];
    const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
    found.push({ kind, text: match[0], at });
  }
  return found;
}

/** Line and column of a position, both from 1. */
export function position(text, at) {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: [...before.at(-1)].length + 1 };
}

const isValue = ({ kind, text }) =>
  kind === 'string' || kind === 'number' || kind === 'word' || text === '{' || text === '[';

/** What is wanted next, and which pieces answer to it. */
const WANTED = {
  object: ({ text }) => text === '{',
  value: isValue,
  'value-or-end': (piece) => isValue(piece) || piece.text === ']',
  name: ({ kind }) => kind === 'string',
  'name-or-end': ({ kind, text }) => kind === 'string' || text === '}',
  colon: ({ text }) => text === ':',
  comma: ({ text }, within) => text === ',' || text === (within?.isList ? ']' : '}'),
  nothing: () => false,
};

/**
 * Reads a request: `places` has each field's path and where its value stands (`{at, end, text}`).
 * Where it breaks, `wrong` is what was wanted and where: `{wanted, at, line, column, found}`.
 */
export function read(text) {
  const places = new Map();
  const within = [];
  let wanted = 'object';
  const here = () => within.map((each) => each.name).join('.');
  const all = pieces(text).filter(({ kind }) => kind !== 'space');
  const fail = (what, piece) => {
    const at = piece?.at ?? text.length;
    const found = piece ? [...piece.text].slice(0, 12).join('') : '';
    const unclosed = piece?.kind === 'bad' && piece.text.startsWith('"');
    const wrong = { wanted: unclosed ? 'string' : what, at, ...position(text, at), found };
    return { places, wrong };
  };
  const close = (piece) => {
    within.pop();
    places.set(here(), { ...places.get(here()), end: piece.at + 1 });
    wanted = within.length ? 'comma' : 'nothing';
  };
  for (const piece of all) {
    if (!WANTED[wanted](piece, within.at(-1))) return fail(wanted, piece);
    const top = within.at(-1);
    if (piece.text === '}' || piece.text === ']') close(piece);
    else if (wanted === 'colon') wanted = 'value';
    else if (wanted === 'comma') {
      wanted = top.isList ? 'value' : 'name';
      if (top.isList) top.name += 1;
    } else if (wanted.startsWith('name')) {
      top.name = JSON.parse(piece.text);
      wanted = 'colon';
    } else {
      places.set(here(), { at: piece.at, end: piece.at + piece.text.length, text: piece.text });
      const isList = piece.text === '[';
      if (piece.text === '{' || isList) {
        if (within.length === DEPTH_MAX) return fail('depth', piece);
        within.push({ isList, name: isList ? 0 : '' });
        wanted = isList ? 'value-or-end' : 'name-or-end';
      } else wanted = 'comma';
    }
  }
  return wanted === 'nothing' ? { places } : fail(wanted);
}

/** The same pieces, a member a line. What is not JSON stays as it is. */
export function pretty(text) {
  const all = pieces(text).filter(({ kind }) => kind !== 'space');
  if (all.some(({ kind }) => kind === 'bad')) return text;
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  return all.reduce((made, piece, at) => {
    const [before, after] = [all[at - 1]?.text, all[at + 1]?.text];
    if (piece.text === '{' || piece.text === '[') {
      depth += 1;
      return made + piece.text + (after === '}' || after === ']' ? '' : line());
    }
    if (piece.text === '}' || piece.text === ']') {
      depth = Math.max(0, depth - 1);
      return made + (before === '{' || before === '[' ? '' : line()) + piece.text;
    }
    if (piece.text === ',') return made + ',' + line();
    return made + (piece.text === ':' ? ': ' : piece.text);
  }, '');
}
