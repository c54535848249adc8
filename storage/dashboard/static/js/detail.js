// The open log beside the table: all of its fields with what can be done with each, as JSON, and what was logged around it.

import { ApiError, getText, isAborted } from "./api.js";
import { toggleColumn } from "./columns.js";
import { contextOf } from "./context.js";
import { announce, byId, h, icon, iconButton, put, toast } from "./dom.js";
import { allFields, holds, valueOf } from "./fields.js";
import { ago, label, plain, time, visible } from "./format.js";
import { indent, isNested, text } from "./json.js";
import { clauses, hasFilter, withFilter, withoutFilter } from "./query.js";
import { getLogs } from "./questions.js";
import { change, linkTo, state } from "./state.js";
import { levelBadge } from "./table.js";

const METADATA = "metadata.";
const VIEWS = { fields: "Fields", json: "JSON", context: "Context" };
const MAX_SHOWN_CHARS = 20_000;
// A search text may have 8192.
const MAX_CLAUSE_CHARS = 8000;

/** The log that storage has by this id, as its JSON text. Throws as `getText` does. */
async function rawLog(id, signal) {
  const answer = await getText(`logs/${encodeURIComponent(id)}`, null, { signal });
  // {"status":"success","log":{…}}: cut out as it is, since reading and writing it would lose digits and doubled keys.
  return answer.slice(answer.indexOf('"log":') + 6, answer.lastIndexOf("}"));
}

/** Copy, and say so. `make` may be a promise of the text. */
async function copy(make, what) {
  try {
    await navigator.clipboard.writeText(await make);
    toast(`${what} copied`);
    announce(`${what} copied`);
  } catch (error) {
    toast(error instanceof ApiError ? error.message : `${what} could not be copied: the browser does not allow it here`, "error");
  }
}

/** The panel; `find(id)` gives a log that is on the page, `step` moves to a neighbour of the open one. */
export class Detail {
  constructor({ find, step }) {
    this.element = byId("detail");
    this.find = find;
    this.step = step;
    this.asking = new AbortController();
    this.log = null;
  }

  /** Show what the state says is open. */
  async follow() {
    const { row: id } = state();
    this.asking.abort();
    this.asking = new AbortController();
    document.body.classList.toggle("has-detail", Boolean(id));
    this.element.hidden = !id;
    if (!id) return this.forget();
    const { signal } = this.asking;
    try {
      this.log = this.log?.id === id ? this.log : (this.find(id) ?? (await getLogs(`logs/${encodeURIComponent(id)}`, null, { signal })).log);
      if (signal.aborted) return undefined;
      this.show(signal);
    } catch (error) {
      if (!isAborted(error)) this.fail(error);
    }
    return undefined;
  }

  /** Ask again for what could not be shown, or is not all there. */
  renew() {
    if (state().row) this.follow();
  }

  forget() {
    this.log = null;
    put(this.element);
  }

  fail(error) {
    this.log = null;
    const why = error.status === 404 ? "This log is not stored, or no longer." : error.message;
    put(this.element, h("div", { class: "detail-head" }, h("span", { class: "grow" }), this.closer()), h("p", { class: "problem" }, why));
  }

  closer() {
    return iconButton("close", "Close (Esc)", () => change({ row: "" }));
  }

  show(signal) {
    const { log } = this;
    const { view } = state();
    const chosen = Object.hasOwn(VIEWS, view) ? view : "fields";
    const tabs = Object.entries(VIEWS).map(([name, label]) =>
      h("button", { type: "button", role: "tab", id: `view-${name}`, "aria-selected": String(name === chosen), "aria-controls": "detail-view", onclick: () => change({ view: name }, { replace: true }) }, label));
    const inside = h("div", { role: "tabpanel", id: "detail-view", "aria-labelledby": `view-${chosen}`, class: `view view-${chosen}`, tabindex: "0" });
    put(
      this.element,
      h(
        "div",
        { class: "detail-head" },
        levelBadge(log.level),
        h("time", { datetime: log.timestamp, title: log.timestamp }, time(log.timestamp)),
        h("span", { class: "hint" }, ago(log.timestamp)),
        h("span", { class: "grow" }),
        iconButton("up", "The one above (k)", () => this.step(-1)),
        iconButton("down", "The one below (j)", () => this.step(1)),
        this.closer(),
      ),
      h("div", { class: "detail-message" }, visible(text(log.message), MAX_SHOWN_CHARS)),
      h(
        "div",
        { class: "detail-actions" },
        h("button", { type: "button", class: "tool", onclick: () => copy(text(log.message), "Message") }, icon("copy"), "Message"),
        h("button", { type: "button", class: "tool", onclick: () => copy(rawLog(log.id).then(indent), "JSON") }, icon("copy"), "JSON"),
        h("button", { type: "button", class: "tool", onclick: () => copy(linkTo(), "Link") }, icon("link"), "Link"),
        log.trace_id && h("button", { type: "button", class: "tool", onclick: () => change({ filters: withFilter([], { field: "trace_id", value: log.trace_id, out: false }), q: "", since: "all", until: "", tab: "logs" }) }, icon("filter"), "Trace"),
      ),
      h("div", { role: "tablist", class: "detail-tabs", "aria-label": "Ways to see the log" }, tabs),
      inside,
    );
    if (chosen === "fields") put(inside, fieldsOf(log));
    else if (chosen === "json") this.json(inside, signal);
    else contextOf(log, inside, signal);
  }

  async json(inside, signal) {
    put(inside, h("p", { class: "hint" }, "…"));
    try {
      put(inside, h("pre", { class: "json" }, indent(await rawLog(this.log.id, signal))));
    } catch (error) {
      if (!isAborted(error)) put(inside, h("p", { class: "problem" }, error.message));
    }
  }
}

function fieldsOf(log) {
  const all = allFields(log).filter(([name]) => name !== "message");
  const rows = (fields) => fields.map(([name, value, isFindable]) => fieldRow(log, name, value, isFindable));
  const own = all.filter(([name]) => !name.startsWith(METADATA));
  const sent = all.filter(([name]) => name.startsWith(METADATA));
  // What the metadata only says again needs no second row; the JSON has it where it was sent.
  const known = new Map(own);
  const isAgain = ([path, value]) => known.has(path.slice(METADATA.length)) && isSame(known.get(path.slice(METADATA.length)), value);
  const again = sent.filter(isAgain).map(([path]) => path.slice(METADATA.length));
  const rest = sent.filter((one) => !isAgain(one));
  const heading = h("tr", { class: "fields-heading" }, h("th", { colspan: 3, scope: "colgroup" }, again.length ? "More metadata" : "Metadata"));
  const note = again.length > 0 && h("tr", { class: "fields-note" }, h("td", { colspan: 3 }, `Sent in the metadata as well, and shown above: ${again.join(", ")}.`));
  return h("table", { class: "fields" }, h("caption", { class: "unseen-text" }, "All fields"), h("tbody", {}, rows(own)), sent.length > 0 && h("tbody", {}, rest.length > 0 && heading, rows(rest), note));
}

/** Whether two values of a log say the same: text and number by their text, numbers but for zeros at their end. */
function isSame(one, other) {
  const isNumber = (value) => typeof value === "number" || JSON.isRawJSON?.(value) === true;
  const digits = (value) => text(value).replace(/\.0+$|(\.\d*[1-9])0+$/, "$1");
  return text(one) === text(other) || (isNumber(one) && isNumber(other) && digits(one) === digits(other));
}

/** The values by which a field of a log can be filtered, as text; none where a search for them would not find the log. */
function filterable(name, value) {
  if (name === "id" || holds(name) === "time" || holds(name) === "words") return [];
  const isSent = holds(name) === "metadata";
  // Of the lists in the metadata a search knows texts, booleans and whole numbers.
  const isKnown = (one) => typeof one === "string" || typeof one === "boolean" || /^-?(0|[1-9]\d*)$/.test(text(one));
  const values = Array.isArray(value) ? value.filter((one) => !isSent || isKnown(one)) : [value];
  const found = values.filter((one) => one !== null && !isNested(one) && !(isSent && isUnsure(one))).map(text).filter((one) => one.length && one.length <= 1000).slice(0, 20);
  // All of them are one search text, or each of them is.
  return clauses(found.map((one) => ({ field: name, value: one, out: false }))).every((clause) => clause.length <= MAX_CLAUSE_CHARS) ? found : [];
}

const shownOf = (content) => (content.trim() ? visible(content, MAX_SHOWN_CHARS) : label(content.slice(0, MAX_SHOWN_CHARS)));

/** Whether a value is a number that is found by ranges only (with an exponent), or whose digits this browser did not keep. */
function isUnsure(value) {
  if (typeof value === "string" || typeof value === "boolean") return false;
  return /e/i.test(text(value)) || (typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value));
}

function fieldRow(log, name, value, isFindable) {
  const values = isFindable ? filterable(name, value) : [];
  const column = name.startsWith(METADATA) ? name.slice(METADATA.length) : name;
  const said = plain(name);
  const shownAs = valueOf(log, column) === value ? column : name;
  const set = (out) => {
    const has = values.every((one) => hasFilter(state().filters, name, one, out));
    let { filters } = state();
    for (const one of values) filters = has ? withoutFilter(filters, { field: name, value: one, out }) : withFilter(filters, { field: name, value: one, out });
    change({ filters });
  };
  const content = value === null ? [h("span", { class: "none" }, "null")] : shownOf(typeof value === "string" ? value : Array.isArray(value) && !value.some(isNested) ? value.map(text).join(", ") : text(value));
  return h(
    "tr",
    { "data-field": name },
    h("th", { scope: "row" }, name === column ? name : ["metadata.", ...label(column)]),
    h("td", { class: "field-value" }, content),
    h(
      "td",
      { class: "field-actions" },
      iconButton("include", `Filter for ${said}`, () => set(false), { disabled: !values.length }),
      iconButton("exclude", `Filter out ${said}`, () => set(true), { disabled: !values.length }),
      iconButton("column", `Column ${plain(shownAs)}`, () => toggleColumn(shownAs), { "aria-pressed": String(state().columns.includes(shownAs)) }),
      iconButton("copy", `Copy ${said}`, () => copy(text(value), said)),
    ),
  );
}
