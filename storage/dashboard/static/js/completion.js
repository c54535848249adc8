// What can be completed at the caret of the search text: names of fields, values from the logs, operators.

import { getJson } from "./api.js";
import { ALIASES, COUNTABLE, FIELDS, flatMetadata, holds, searched, searchName, valueOf } from "./fields.js";
import { compact } from "./format.js";
import { text } from "./json.js";
import { asValue, escapedName, wordAt } from "./query.js";
import { filterParameters } from "./questions.js";

const MAX_SHOWN = 12;
const MAX_VALUES = 200;
const MAX_PATHS = 2000;
// Fields of the metadata that were seen since the page was opened: a search for one leaves the others known.
const paths = new Set();
const OPERATORS = { AND: "both must hold", OR: "either will do", NOT: "must not hold" };

/**
 * Suggestions at the caret: {start, end, items: [{label, help, insert, again}]}; `insert` replaces from `start` to `end`,
 * `again` asks for suggestions right after it. Null where there are none.
 */
export async function suggestions(query, caret, state, loaded, signal) {
  const word = wordAt(query, caret);
  if (!word) return null;
  const items = word.field === null ? names(word.text, loaded, query.slice(0, word.start)) : await values(word, state, loaded, signal);
  return items.length ? { start: word.start, end: word.end, items: items.slice(0, MAX_SHOWN) } : null;
}

function names(prefix, loaded, before) {
  const wanted = prefix.toLowerCase();
  const known = Object.entries(FIELDS).map(([name, [, help]]) => ({ name, help }));
  known.push({ name: "_exists_", help: "the field is there" });
  for (const log of loaded) for (const [path, , isFindable] of flatMetadata(log)) if (isFindable && paths.size < MAX_PATHS) paths.add(searchName(path));
  for (const name of paths) known.push({ name, help: "metadata" });
  const found = known.filter(({ name }) => name.toLowerCase().includes(wanted));
  // Those that begin so come first, in their usual order.
  found.sort((a, b) => b.name.toLowerCase().startsWith(wanted) - a.name.toLowerCase().startsWith(wanted));
  const items = found.map(({ name, help }) => ({ label: `${name}:`, help, insert: `${name === "_exists_" ? name : escapedName(name)}:`, again: true }));
  if (!before.trim() || /(AND|OR|NOT|\()\s*$/.test(before)) return items;
  const operators = Object.entries(OPERATORS).filter(([name]) => name.toLowerCase().startsWith(wanted));
  const shown = operators.map(([name, help]) => ({ label: name, help, insert: `${name} `, again: true }));
  return wanted ? [...items.slice(0, MAX_SHOWN - shown.length), ...shown] : [...shown, ...items];
}

async function values({ field, text: prefix }, state, loaded, signal) {
  const wanted = prefix.toLowerCase();
  if (field === "_exists_") return names(prefix, loaded, "").filter(({ label }) => label !== "_exists_:").map((item) => ({ ...item, label: item.label.slice(0, -1), insert: `${item.insert.slice(0, -1)} `, again: false }));
  const name = Object.hasOwn(ALIASES, field) ? ALIASES[field] : field;
  const counted = COUNTABLE.includes(name) ? await counts(name, state, signal) : seen(name, loaded);
  const items = counted
    .filter(({ value }) => value !== "" && value.toLowerCase().includes(wanted))
    .map(({ value, count }) => ({ label: value, help: compact(count), insert: `${asValue(value)} `, again: false }));
  if (holds(name) === "number" && !prefix) {
    for (const [operator, help] of [[">=", "at least"], ["<=", "at most"], [">", "more than"], ["<", "less than"]]) {
      items.push({ label: operator, help, insert: operator, again: false });
    }
  }
  if (!prefix) items.push({ label: "*", help: "any value", insert: "* ", again: false });
  return items;
}

async function counts(name, state, signal) {
  // The search text is being written, so only the filters and the time count.
  const parameters = filterParameters(state, { q: "" });
  parameters.set("field", name);
  parameters.set("size", MAX_VALUES);
  const { facets } = await getJson("logs/facets", parameters, { signal });
  return facets[name].map(({ value, count }) => ({ value: searched(name, text(value)), count }));
}

/** Values of a field of the metadata among the logs on the page, the most frequent first. */
function seen(name, loaded) {
  const found = new Map();
  for (const log of loaded) {
    const value = valueOf(log, name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) found.set(text(one), (found.get(text(one)) ?? 0) + 1);
    }
  }
  return [...found].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count).slice(0, MAX_VALUES);
}
