// What came of tests: of each how often it passed and failed, its last runs, and its last failure; a click shows its logs.

import { getJson } from "./api.js";
import { h, icon, put } from "./dom.js";
import { ago, count, counted, duration, label, plain, time, visible } from "./format.js";
import { noHits, noResults } from "./notices.js";
import { attach } from "./popover.js";
import { withFilter } from "./query.js";
import { filterParameters } from "./questions.js";
import { save } from "./saving.js";
import { change, state } from "./state.js";

const PATH = "results/summary";
const LIMIT = 500;
const MAX_REASON_CHARS = 300;
const WORDS = { P: "passed", F: "failed", E: "error", S: "skipped" };
const KINDS = ["passed", "failed", "error", "skipped"];
// Errors, which could not be run, stand below the failures rather than in a column of their own.
const COLUMNS = ["passed", "failed", "skipped"];
const SHOWN = {
  all: ["all tests", () => true],
  failing: ["failing now", (one) => one.failing],
  flaky: ["flaky", (one) => one.flaky],
  failed: ["failed at all", (one) => one.failed > 0],
};
const ORDERS = {
  attention: ["failing and flaky first", null],
  slowest: ["slowest first", (one, other) => (other.median_duration_s ?? -1) - (one.median_duration_s ?? -1)],
};
const FORMS = [["svg", "SVG", "a chart, for pages"], ["png", "PNG", "a chart, as a picture"], ["text", "Text", "a table, for mails"]];
const HEADS = [["test", "Test"], ["bar", "Passed and failed"], ["passed", "Passed"], ["failed", "Failed"], ["skipped", "Skipped"], ["time", "Time"], ["runs", "Last runs"], ["state", ""], ["failure", "Last failure"]];

/** The view. */
export class ResultsView {
  constructor({ facets, refresh, open, settle }) {
    Object.assign(this, { facets, refresh, open });
    this.info = h("span", { class: "note", "aria-live": "polite" });
    this.choice = h("select", { id: "tests-shown", onchange: () => change({ tests: this.choice.value }) }, Object.entries(SHOWN).map(([name, [words]]) => h("option", { value: name }, words)));
    this.order = h("select", { id: "tests-order", onchange: () => change({ order: this.order.value }) }, Object.entries(ORDERS).map(([name, [words]]) => h("option", { value: name }, words)));
    this.tiles = h("div", { class: "tiles" });
    this.body = h("tbody");
    this.notice = h("div", { class: "notices" });
    this.table = null;
    this.list = h("div", { class: "scroller" }, this.tiles, h("table", { class: "patterns results" }, h("caption", { class: "unseen-text" }, "Tests"), h("thead", {}, h("tr", {}, HEADS.map(([name, words]) => h("th", { scope: "col", class: `r-${name}` }, words || h("span", { class: "unseen-text" }, "State"))))), this.body), this.notice);
    this.element = h("div", { class: "patterns-view results-view" }, h("div", { class: "table-tools" }, this.info, h("span", { class: "grow" }), h("span", { class: "together" }, h("label", { for: "tests-shown" }, "show"), this.choice), h("span", { class: "together" }, h("label", { for: "tests-order" }, "order"), this.order), chartMenu(settle)), this.list);
    this.found = null;
  }

  /** Ask and show. Throws as `getJson` does. */
  async load(signal) {
    const parameters = filterParameters(state());
    parameters.set("limit", LIMIT);
    const asked = getJson(PATH, parameters, { signal });
    await Promise.all([asked, this.facets.load(signal, ["tag:(test-result OR test-file)"])]);
    this.found = await asked;
    this.follow();
    if (this.found.totals.files) return;
    const { totals } = await getJson(PATH, new URLSearchParams({ limit: 1 }), { signal });
    put(this.notice, totals.files ? noHits() : noResults(this.refresh));
  }

  follow() {
    if (!this.found) return;
    const { totals, tests } = this.found;
    const chosen = Object.hasOwn(SHOWN, state().tests) ? state().tests : "all";
    this.choice.value = chosen;
    const order = Object.hasOwn(ORDERS, state().order) ? state().order : "attention";
    this.order.value = order;
    const shown = tests.filter(SHOWN[chosen][1]);
    if (ORDERS[order][1]) shown.sort(ORDERS[order][1]);
    const most = Math.max(1, ...tests.map((one) => one.passed + one.failed + one.skipped));
    const hasServices = new Set(tests.map((one) => one.service)).size > 1;
    put(this.info, `${counted(shown.length, "test")}${shown.length < totals.tests ? ` of ${count(totals.tests)}` : ""}, ${counted(totals.results, "result")} in ${counted(totals.files, "file")}`);
    this.tiles.hidden = !totals.files;
    put(this.tiles, tilesOf(totals));
    put(this.body, shown.map((one) => this.row(one, most, hasServices)));
    put(this.notice, totals.files > 0 && !shown.length && h("p", { class: "hint none-shown" }, tests.length ? `No test is ${SHOWN[chosen][0]}.` : "These files have no tests."));
  }

  row(one, most, hasServices) {
    const filters = [{ field: "test", value: one.test, out: false }, ...(hasServices ? [{ field: "service", value: one.service, out: false }] : [])];
    const show = () => change({ tab: "logs", filters: filters.reduce(withFilter, state().filters), row: "" });
    const runsOf = { passed: one.passed, failed: one.failed - one.errors, error: one.errors, skipped: one.skipped };
    const said = (kind) => (kind === "error" ? counted(one.errors, "error") : `${count(runsOf[kind])} ${kind}`);
    const numbers = KINDS.filter((kind) => kind !== "error" || one.errors).map(said).join(", ");
    const all = one.passed + one.failed + one.skipped;
    const bars = KINDS.filter((kind) => runsOf[kind]).map((kind) => h("i", { class: `is-${kind}`, vars: { "--runs": String(runsOf[kind]) } }));
    return h(
      "tr",
      { "data-test": one.test, class: one.failing ? "level-ERROR" : one.flaky ? "level-WARNING" : "" },
      h("td", { class: "r-test" }, h("button", { type: "button", class: "example", title: `Show the logs of ${plain(one.test)}`, onclick: show }, label(one.test)), hasServices && h("small", {}, label(one.service))),
      h("td", { class: "r-bar" }, h("div", { class: "result-bar", role: "img", "aria-label": numbers, title: numbers, vars: { "--share": `${(100 * all) / most}%` } }, bars)),
      COLUMNS.map((kind) => h("td", { class: `r-${kind}` }, runsOf[kind] ? count(runsOf[kind]) : h("span", { class: "none" }, "0"), kind === "failed" && one.errors > 0 && h("small", { title: "Runs that could not be run" }, said("error")))),
      h("td", { class: "r-time" }, one.median_duration_s === null ? h("span", { class: "none" }, "–") : times(one)),
      h("td", { class: "r-runs" }, runs(one.last_runs)),
      h("td", { class: "r-state" }, states(one).map(([name, title]) => h("span", { class: `result-state is-${name}`, title }, name))),
      h("td", { class: "r-failure" }, one.last_failure && this.failure(one.last_failure)),
    );
  }

  failure({ at, file, line, message, log_id: id }) {
    const place = [h("time", { title: time(at), datetime: at }, ago(at)), " in ", h("span", {}, label(file)), `:${line}`];
    return [
      h("button", { type: "button", class: "failure-place", title: "Open the log", onclick: () => this.open({ id }) }, place),
      message && h("div", { class: "failure-reason" }, visible(message, MAX_REASON_CHARS)),
    ];
  }
}

function tilesOf({ tests, failing, flaky, passed, failed, problems }) {
  const ran = passed + failed;
  const share = ran ? `${((100 * passed) / ran).toFixed(failed && passed / ran > 0.99 ? 2 : 1)} %` : "–";
  const tile = (name, value, kind = "") => h("div", { class: `tile ${kind}`, "data-tile": name }, h("span", { class: "tile-name" }, name), h("strong", {}, value));
  return [
    tile("Failing now", count(failing), failing ? "bad" : ""),
    tile("Flaky", count(flaky), flaky ? "warn" : ""),
    tile("Tests", count(tests)),
    tile("Passed", share),
    tile("Problems in files", problems ? h("button", { type: "button", class: "plain", title: "Show the files that could not be read as a whole", onclick: () => change({ tab: "logs", q: "tag:test-file AND problems:>=1", row: "" }) }, count(problems)) : "0"),
  ];
}

/** How long the runs take, and below it the newest where that differs. */
function times({ median_duration_s: median, last_duration_s: last }) {
  const [usual, newest] = [span(median), span(last)];
  return [h("span", { title: "Median of the last runs" }, usual), usual !== newest && h("small", {}, `last ${newest}`)];
}

const span = (seconds) => (seconds > 0 && seconds < 0.001 ? "< 1 ms" : duration(seconds));

/** The last runs, the newest at the right. */
function runs(letters) {
  const words = [...letters].map((letter) => WORDS[letter]);
  return h("span", { class: "runs", role: "img", "aria-label": `Last runs, the newest last: ${words.join(", ")}` }, words.map((word) => h("i", { class: `is-${word}`, title: word })));
}

function states({ failing, flaky, changes, trend }) {
  const shares = `${Math.round(100 * (trend.before_failed ?? 0))} % of the older runs failed, ${Math.round(100 * (trend.recent_failed ?? 0))} % of the newer`;
  return [
    failing && ["failing", "The newest run failed"],
    flaky && ["flaky", `It passes and fails: ${counted(changes, "change")} within the last runs`],
    ["worse", "better"].includes(trend.direction) && [trend.direction, shares],
  ].filter(Boolean);
}

/** The button that saves what is shown, as a chart or as text. */
function chartMenu(settle) {
  const button = h("button", { type: "button", class: "tool" }, icon("download"), "Save");
  const panel = h("div", { role: "dialog", "aria-label": "Save", class: "export-panel" }, FORMS.map(([form, words, help]) => h("button", { type: "button", class: "export-item", "data-format": form, onclick: () => (close(), saveAs(form)) }, h("b", {}, words), h("small", {}, help))));
  const close = attach(button, panel, { align: "right" });
  const saveAs = async (form) => {
    if (!(await settle())) return;
    const parameters = filterParameters(state());
    parameters.set("format", form);
    const busy = (is) => put(button, icon("download"), is ? "Saving …" : "Save");
    await save(PATH, parameters, `results.${form === "text" ? "txt" : form}`, { busy });
  };
  return h("span", {}, button, panel);
}
