// Puts the page together: which view is shown, when it asks anew, and what the keys do.

import { isAborted, onUnauthorized } from "./api.js";
import { AlertsView } from "./alerts.js";
import { anomaliesView } from "./anomalies.js";
import { Badge } from "./badge.js";
import { showChips } from "./chips.js";
import { Detail } from "./detail.js";
import { byId, h, iconButton, put, toast } from "./dom.js";
import { Facets } from "./facets.js";
import { help, keyboard } from "./keyboard.js";
import { askForKey } from "./login.js";
import { LogsView } from "./logs.js";
import { failed, missing, unreadable } from "./notices.js";
import { refusalOf } from "./questions.js";
import { searchBar } from "./searchbar.js";
import { change, onChange, state, TABS } from "./state.js";
import { TailView } from "./tail.js";
import { PatternsView } from "./patterns.js";
import { PipelineView } from "./pipeline.js";
import { ResultsView } from "./results.js";
import { toggleTheme } from "./theme.js";
import { timePicker } from "./timepicker.js";

const NAMES = { logs: "Logs", tail: "Live", patterns: "Patterns", anomalies: "Anomalies", results: "Results", alerts: "Alerts", pipeline: "Pipeline" };
// What the answers depend on; all else is taken by what is there already.
const ASKED = ["tab", "q", "since", "until", "by", "group", "alerts"];
// What keeps itself fresh, and has no search.
const OWN = ["alerts", "pipeline"];

let asking = new AbortController();
let isBusy = false;
let shown = null;
// The views that were answered at least once.
const answered = new Set();

const facets = new Facets(byId("facets"));
const open = (log) => change({ row: log.id });
/** Have what is in the search bar in force before something is made of it; whether it is. */
async function settle() {
  await search.take({ signal: new AbortController().signal, replace: false });
  return !search.isPending();
}
const parts = { facets, open, refresh, settle, fail: showProblem };
const views = {
  logs: new LogsView(parts),
  tail: new TailView(parts),
  patterns: new PatternsView(parts),
  anomalies: anomaliesView(parts),
  results: new ResultsView(parts),
  alerts: new AlertsView({ ...parts, counted: (number) => badge.show(number) }),
  pipeline: new PipelineView(parts),
};

const bar = h("div", { class: "bar" });
const picker = h("div", { class: "picker" });
put(byId("query"), bar, picker);
const loaded = () => shown?.table?.logs ?? [];
const search = searchBar(bar, { loaded, submit: refresh });
const times = timePicker(picker, { refresh, auto });
const detail = new Detail({ find: (id) => loaded().find((log) => log.id === id), step });
const problems = h("div", { class: "notices problems" });

const tabs = Object.fromEntries(TABS.map((name) => [name, h("button", { type: "button", class: "tab", "data-tab": name, onclick: () => change({ tab: name, row: "" }) }, NAMES[name])]));
const badge = new Badge(tabs.alerts);
put(byId("tabs"), Object.values(tabs));
const fieldsButton = h("button", { type: "button", class: "tool fields-button", "aria-expanded": "false", "aria-controls": "facets", onclick: toggleFacets }, "Fields");
put(byId("tools"), fieldsButton, iconButton("theme", "Light or dark (x)", toggleTheme), iconButton("help", "Keys and search (?)", help));

/** Ask for everything of the view anew, as somebody wishes: with what is in the search bar, be it sent or not. */
async function refresh() {
  await ask({ takes: true });
}

/**
 * Ask for everything of the view; what was still being asked is cut off. `takes` has a search text that was not sent yet
 * taken along, as a step of its own or, with `replace`, as part of the last one.
 */
async function ask({ takes = false, replace = false } = {}) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  setBusy(true);
  try {
    if (takes && !OWN.includes(state().tab)) await search.take({ signal, replace });
    // Another search text has had everything asked for by now.
    if (signal.aborted) return;
    await shown.load(signal);
    if (!signal.aborted) {
      answered.add(shown);
      badge.start();
      clearProblem();
    }
  } catch (error) {
    if (!isAborted(error) && !signal.aborted) await showProblem(error);
  } finally {
    if (asking.signal === signal) setBusy(false);
  }
}

/** What a clock asks for: nothing where the view keeps itself fresh, or while the last answer has not come. */
function auto() {
  if (!isBusy && !["tail", ...OWN].includes(state().tab)) ask();
}

function setBusy(is) {
  isBusy = is;
  times.busy(is);
}

function clearProblem() {
  put(problems);
  shown.element.inert = false;
  shown.element.hidden = false;
  byId("content").classList.remove("broken");
}

/** Whether the search text alone is at fault; a filter may be as well, and its place is no place in the search bar. */
async function isOfSearch(error) {
  if (error.code !== "invalid_query" || error.position === null || !state().q.trim()) return false;
  if (!state().filters.length) return true;
  try {
    const again = await refusalOf(state().q);
    return again?.code === "invalid_query" && again.position === error.position;
  } catch {
    return false;
  }
}

async function showProblem(error) {
  // The other questions of this view would only fail in the same way.
  asking.abort();
  shown.stop?.();
  // An address may name what cannot be counted by; then the logs are still worth seeing.
  if (error.status === 400 && error.field === "by" && state().by !== "level") {
    toast(error.message, "error");
    change({ by: "level" }, { replace: true });
    return;
  }
  const { signal } = asking;
  const isOfIt = await isOfSearch(error);
  if (asking.signal !== signal) return;
  // What the search bar says at its place need not be said again.
  const isSaid = isOfIt && search.fail(error);
  put(problems, isSaid ? !answered.has(shown) && unreadable(help) : error.status === 404 || error.status === 405 ? missing(NAMES[state().tab]) : failed(error, refresh));
  // What was there before is dimmed and out of reach; where nothing was, nothing is shown.
  shown.element.inert = true;
  shown.element.hidden = !answered.has(shown);
  byId("content").classList.add("broken");
}

function step(by) {
  if (!shown.table?.move(by)) return;
  if (state().row) change({ row: shown.table.current.id }, { replace: true });
}

function toggleFacets() {
  const is = document.body.classList.toggle("show-facets");
  fieldsButton.setAttribute("aria-expanded", String(is));
}

function showView() {
  const { tab } = state();
  shown?.stop?.();
  shown = views[tab];
  document.body.dataset.tab = tab;
  put(byId("title"), NAMES[tab]);
  document.title = `${NAMES[tab]} · Logmill`;
  for (const [name, button] of Object.entries(tabs)) {
    if (name === tab) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  clearProblem();
  put(byId("content"), problems, shown.element);
}

onChange((now, before, isSearch) => {
  if (now.tab !== before.tab) showView();
  search.follow(isSearch);
  times.follow();
  showChips();
  const filters = JSON.stringify(now.filters) !== JSON.stringify(before.filters);
  if (filters || ASKED.some((name) => now[name] !== before[name])) ask({ takes: true, replace: true });
  else shown.follow?.();
  if (now.row !== before.row || now.view !== before.view || filters || now.columns !== before.columns) detail.follow();
});

function escape() {
  if (document.body.classList.contains("show-facets")) toggleFacets();
  else if (state().row) {
    change({ row: "" });
    if (shown.table?.selected >= 0) shown.table.select(shown.table.selected);
  }
}

keyboard({
  "/": () => search.focus(),
  j: () => step(1),
  k: () => step(-1),
  Enter: () => shown.table?.current && open(shown.table.current),
  Escape: escape,
  t: () => change({ tab: state().tab === "tail" ? "logs" : "tail", row: "" }),
  r: refresh,
  w: () => change({ wrap: !state().wrap }, { replace: true }),
  x: toggleTheme,
  "?": help,
  ...Object.fromEntries(TABS.map((name, at) => [String(at + 1), () => change({ tab: name, row: "" })])),
});

// Whoever was refused is asked again: the view, the open log, what the key was not known for.
onUnauthorized(() => askForKey(() => (refresh(), detail.renew())));
showView();
showChips();
refresh();
detail.follow();
