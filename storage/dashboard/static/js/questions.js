// Asking storage for logs: the state as parameters, search texts that it can read, answers that keep every digit.

import { getJson, getText } from "./api.js";
import { parse } from "./json.js";
import { clauses } from "./query.js";

/** The filters of a state as parameters; `time` false leaves the time range out, `without` the filters of a field. */
export function filterParameters(state, { time = true, without = null, q = state.q } = {}) {
  const found = new URLSearchParams();
  if (q.trim()) found.append("q", q);
  for (const clause of clauses(state.filters.filter(({ field, out }) => out || field !== without))) found.append("q", clause);
  const all = state.since === "all";
  if (time && state.since && !all) found.set("since", state.since);
  // What is relative ends now: the time after it is empty but for clocks that are wrong.
  if (time && (state.until || !all)) found.set("until", state.until || "now");
  return found;
}

/** What the server cannot read of a search text: its refusal, null where it reads all of it. Throws where it says neither. */
export async function refusalOf(q, signal) {
  if (!q.trim()) return null;
  try {
    await getJson("logs", new URLSearchParams({ q, limit: 1, fields: "id", since: "1s" }), { signal });
    return null;
  } catch (error) {
    if (error.status === 400) return error;
    throw error;
  }
}

/** The JSON answer with logs in it: numbers that would lose digits are no numbers but text, see json.js. */
export async function getLogs(path, parameters, options) {
  return parse(await getText(path, parameters, options));
}
