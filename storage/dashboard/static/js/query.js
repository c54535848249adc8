// Filters and the search text: quoting of Lucene's syntax, filters as search texts, and what stands at the caret.

/** A value in quotes. */
export const quoted = (value) => `"${String(value).replace(/[\\"]/g, "\\$&")}"`;

/** A field's name with what is no plain character escaped. */
export const escapedName = (name) => name.replace(/[^\p{L}\p{N}_.@$-]/gu, "\\$&");

/** The values that a filter names: several, with commas between, are fingerprints of one pattern. */
const valuesOf = ({ field, value }) => (field === "fingerprint" ? value.split(",") : [value]);

/**
 * Filters as search texts, all of which must hold; several that include values of one field are one: any of them.
 * A filter is {field, value, out}: `value` "" is a field that is not there, `out` turns it round.
 */
export function clauses(filters) {
  const found = [];
  const included = new Map();
  for (const filter of filters) {
    const { field, value, out } = filter;
    const name = escapedName(field);
    const values = valuesOf(filter);
    if (out && values.length > 1) found.push(`-${name}:(${values.map(quoted).join(" OR ")})`);
    else if (out) found.push(value === "" ? `_exists_:${name}` : `-${name}:${quoted(value)}`);
    else included.set(name, [...(included.get(name) ?? []), ...values]);
  }
  for (const [name, values] of included) {
    const ways = values.map((value) => (value === "" ? `(NOT _exists_:${name})` : `${name}:${quoted(value)}`));
    found.push(ways.length === 1 ? ways[0] : `(${ways.join(" OR ")})`);
  }
  return found;
}

/** The filter in words, for a chip: its field, what it says of it, its value. */
export function inWords({ field, value, out }) {
  if (value === "") return [field, out ? " is there" : " is missing", ""];
  const { length } = valuesOf({ field, value });
  if (length > 1) return [field, out ? " is none of " : " is one of ", `${length} of a pattern`];
  return [field, out ? " is not " : " is ", value];
}

const sameFilter = (a, b) => a.field === b.field && a.value === b.value;

/** The filters with this one added; one about the same value gives way. */
export const withFilter = (filters, filter) => [...filters.filter((one) => !sameFilter(one, filter)), filter];

/** The filters without this one. */
export const withoutFilter = (filters, filter) => filters.filter((one) => !(sameFilter(one, filter) && one.out === filter.out));

/** Whether one of the filters includes (or, with `out`, excludes) this value. */
export const hasFilter = (filters, field, value, out = false) =>
  filters.some((one) => one.field === field && one.value === value && one.out === out);

const DELIMITER = /[\s()]/;

/**
 * What stands at the caret: {start, end, text, field, prefix}. `text` runs from `start` to the caret, `end` is where the
 * word ends behind it. Where a value is being written `field` is its field and `text` the value so far, without its
 * opening quote. Null within a quoted phrase or an expression that belongs to no field.
 */
export function wordAt(query, caret) {
  let start = 0;
  let quote = "";
  let quoteAt = 0;
  for (let at = 0; at < caret; at += 1) {
    const one = query[at];
    if (one === "\\") at += 1;
    else if (quote) quote = one === quote ? "" : quote;
    else if (one === '"' || (one === "/" && (at === start || query[at - 1] === ":"))) [quote, quoteAt] = [one, at];
    else if (DELIMITER.test(one)) start = at + 1;
  }
  if (/[-+!]/.test(query[start] ?? "") && start < caret) start += 1;
  let end = caret;
  while (end < query.length && !(quote ? query[end] === quote : DELIMITER.test(query[end]))) end += 1;
  const word = query.slice(start, caret);
  const colon = word.search(/(?<!\\):/);
  if (colon < 0) return quote ? null : { start, end, text: word, field: null };
  if (quote === "/") return null;
  const field = word.slice(0, colon).replace(/\\(.)/g, "$1");
  const isQuoted = quote === '"' && quoteAt === start + colon + 1;
  if (quote && !isQuoted) return null;
  const text = word.slice(colon + 1 + (isQuoted ? 1 : 0));
  return { start: start + colon + 1, end: isQuoted && query[end] === '"' ? end + 1 : end, text, field };
}

/** The text of a value as it is put into a query: bare where it is a plain word, else quoted. */
export const asValue = (value) => (/^[\p{L}\p{N}_.-]+$/u.test(value) && !/^(AND|OR|NOT)$/.test(value) && !value.startsWith("-") ? value : quoted(value));
