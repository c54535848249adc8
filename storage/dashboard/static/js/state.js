// What the page shows, kept whole in its address: a link to it is a finding, and back and forward go through the steps.

export const TABS = ["logs", "tail", "patterns", "anomalies", "results", "alerts", "pipeline"];
export const DEFAULT_COLUMNS = ["timestamp", "level", "service", "message"];
const DEFAULTS = { tab: "logs", q: "", since: "1h", until: "", by: "level", row: "", sort: "count", group: "similar", view: "fields", alerts: "open", tests: "all", order: "attention" };
const MAX_COLUMNS = 30;
const MAX_FILTERS = 50;
const listeners = [];
let current = read(location.search);

/**
 * The state: tab, q (search text), filters ({field, value, out}), since and until (as the server takes them; since "all" for
 * everything), by (what the histogram counts by), columns, wrap, row (id of the open log), view (which of its pages), sort
 * and group (of patterns: "similar" together, or each "fingerprint"), alerts and tests (which are shown), order (of tests), every (seconds
 * between refreshes, 0 for none).
 */
export const state = () => current;

/** Hear of each change: `listener(state, before, isSearch)`; `isSearch` where it says what the search text is, be it as before. */
export const onChange = (listener) => listeners.push(listener);

/** Change some of it. `replace` leaves no step to go back to. */
export function change(patch, { replace = false } = {}) {
  const next = { ...current, ...patch };
  const address = write(next);
  if (address === write(current)) return;
  const url = new URL(location.href);
  url.search = address;
  history[replace ? "replaceState" : "pushState"](null, "", url);
  arrive(next, Object.hasOwn(patch, "q"));
}

/** The address of a state, to be copied. */
export function linkTo(patch = {}) {
  const url = new URL(location.href);
  url.search = write({ ...current, ...patch });
  return url.href;
}

function arrive(next, isSearch) {
  const before = current;
  current = next;
  for (const listener of listeners) listener(current, before, isSearch);
}

addEventListener("popstate", () => arrive(read(location.search), true));

function read(search) {
  const found = { ...DEFAULTS, filters: [], columns: DEFAULT_COLUMNS, wrap: false, every: 0 };
  for (const [name, value] of new URLSearchParams(search)) {
    const [kind, ...rest] = name.split(".");
    const field = rest.join(".");
    if ((kind === "is" || kind === "not") && field && found.filters.length < MAX_FILTERS) {
      found.filters.push({ field, value, out: kind === "not" });
    } else if (name === "columns") {
      found.columns = columnsOf(value);
    } else if (name === "wrap") {
      found.wrap = value === "1";
    } else if (name === "every") {
      found.every = Math.max(0, Math.min(3600, Number.parseInt(value, 10) || 0));
    } else if (Object.hasOwn(DEFAULTS, name)) {
      found[name] = value;
    }
  }
  if (!TABS.includes(found.tab)) found.tab = DEFAULTS.tab;
  return found;
}

/** Columns from an address: names parted by commas; a comma, a percent sign within one is percent-encoded. */
function columnsOf(value) {
  const names = value.split(",").filter(Boolean).map((name) => name.replaceAll("%2C", ",").replaceAll("%25", "%"));
  return [...new Set(names)].slice(0, MAX_COLUMNS);
}

function write(next) {
  const found = new URLSearchParams();
  for (const [name, standard] of Object.entries(DEFAULTS)) if (next[name] !== standard) found.set(name, next[name]);
  for (const { field, value, out } of next.filters) found.append(`${out ? "not" : "is"}.${field}`, value);
  const columns = next.columns.map((name) => name.replaceAll("%", "%25").replaceAll(",", "%2C")).join(",");
  if (columns !== DEFAULT_COLUMNS.join(",")) found.set("columns", columns);
  if (next.wrap) found.set("wrap", "1");
  if (next.every) found.set("every", next.every);
  return found.toString();
}
