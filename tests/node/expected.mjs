// Compares an answer with the documented one, in which a value that differs from call to call
// stands as {"pattern": "a regular expression for the whole value"}.

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const isPattern = (value) =>
  isObject(value) && Object.keys(value).join() === 'pattern' && typeof value.pattern === 'string';

/** What is wrong with `found`, a line each; nothing where it is as expected and has no more. */
export function differences(found, expected, path = 'body') {
  if (isPattern(expected)) {
    const fits = !isObject(found) && new RegExp(expected.pattern, 'u').test(String(found));
    return fits ? [] : [`${path}: ${JSON.stringify(found)} is not ${expected.pattern}`];
  }
  if (Array.isArray(expected) && Array.isArray(found) && expected.length === found.length) {
    return expected.flatMap((each, at) => differences(found[at], each, `${path}[${at}]`));
  }
  if (isObject(expected) && isObject(found)) {
    const missing = Object.keys(expected).filter((name) => !(name in found));
    const more = Object.keys(found).filter((name) => !(name in expected));
    const both = Object.keys(expected).filter((name) => name in found);
    return [
      ...missing.map((name) => `${path}.${name} is missing`),
      ...more.map((name) => `${path}.${name} is not documented`),
      ...both.flatMap((name) => differences(found[name], expected[name], `${path}.${name}`)),
    ];
  }
  if (Object.is(found, expected)) return [];
  return [`${path}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`];
}
