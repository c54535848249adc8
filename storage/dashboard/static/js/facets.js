// The most frequent values of fields beside the results, with their counts; a click includes or excludes one.

import { getJson, isAborted } from "./api.js";
import { h, icon, iconButton, put } from "./dom.js";
import { COUNTABLE, searched } from "./fields.js";
import { compact, counted, label, plain } from "./format.js";
import { text } from "./json.js";
import { hasFilter, withFilter, withoutFilter } from "./query.js";
import { filterParameters } from "./questions.js";
import { change, state } from "./state.js";

const OPEN = "logmill-facets";
const STANDARD = ["level", "service", "status_code", "tags", "host"];
const SHOWN = ["level", "service", "status_code", "tags", "host", "path", "method", "error_code", "anomaly_reasons", "priority", "file", "user_id"];
const FEW = 8;
const MANY = 50;

function openFields() {
  try {
    const kept = JSON.parse(localStorage.getItem(OPEN) ?? "null");
    return Array.isArray(kept) ? kept.filter((name) => COUNTABLE.includes(name)).slice(0, 20) : STANDARD;
  } catch {
    return STANDARD;
  }
}

/** The panel in `element`. */
export class Facets {
  constructor(element) {
    this.element = element;
    this.open = openFields();
    this.many = new Set();
    this.found = {};
    this.extra = [];
    this.asking = new AbortController();
    this.list = h("div", { class: "facet-list" });
    const more = h("select", { "aria-label": "Show another field", onchange: () => (this.toggle(more.value, true), (more.value = "")) }, h("option", { value: "" }, "Another field …"), COUNTABLE.filter((name) => !SHOWN.includes(name)).map((name) => h("option", { value: name }, name)));
    put(element, h("div", { class: "facets-head" }, h("h2", {}, "Fields")), this.list, h("div", { class: "facet-more" }, more));
  }

  /** Ask for the open ones and show them; `extra` are more search texts. Throws as `getJson` does. */
  async load(signal, extra = []) {
    this.extra = extra;
    // What was asked before is about another search by now, or will be asked again.
    this.asking.abort();
    this.asking = new AbortController();
    const either = AbortSignal.any([signal, this.asking.signal]);
    const { filters } = state();
    // What a field's own filters leave out must stay in its list, else no second value could be chosen.
    const own = this.open.filter((name) => filters.some(({ field, out }) => field === name && !out));
    const rest = this.open.filter((name) => !own.includes(name));
    const asked = [...own.map((name) => [name]), ...(rest.length ? [rest] : [])];
    let answers;
    try {
      answers = await Promise.all(asked.map((names) => this.ask(names, names.length === 1 && own.includes(names[0]) ? names[0] : null, either)));
    } catch (error) {
      // Asked again meanwhile: what else the view waits for goes on.
      if (isAborted(error) && !signal.aborted) return;
      throw error;
    }
    this.found = Object.assign({}, ...answers);
    this.show();
  }

  async ask(names, without, signal) {
    const parameters = filterParameters(state(), { without });
    for (const one of this.extra) parameters.append("q", one);
    for (const name of names) parameters.append("field", name);
    parameters.set("size", names.some((name) => this.many.has(name)) ? MANY : FEW + 1);
    const { facets } = await getJson("logs/facets", parameters, { signal });
    for (const [name, values] of Object.entries(facets)) for (const one of values) one.value = searched(name, text(one.value));
    return facets;
  }

  async toggle(name, open = !this.open.includes(name)) {
    if (!COUNTABLE.includes(name)) return;
    this.open = open ? [...new Set([...this.open, name])] : this.open.filter((one) => one !== name);
    localStorage.setItem(OPEN, JSON.stringify(this.open));
    this.show();
    if (!open || this.found[name]) return;
    await this.renew();
  }

  async renew() {
    try {
      await this.load(new AbortController().signal, this.extra);
    } catch (error) {
      if (!isAborted(error)) put(this.list, h("p", { class: "problem" }, error.message));
    }
  }

  show() {
    const names = [...SHOWN, ...this.open.filter((name) => !SHOWN.includes(name))];
    // What is clicked stays under the keyboard though the list is made anew.
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const { scrollTop } = this.element;
    put(this.list, names.map((name) => this.facet(name)));
    if (focused) [...this.list.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus({ preventScroll: true });
    this.element.scrollTop = scrollTop;
  }

  facet(name) {
    const isOpen = this.open.includes(name);
    const head = h("button", { type: "button", class: "facet-name", "data-key": `head ${name}`, "aria-expanded": String(isOpen), "aria-label": `Field ${name}`, onclick: () => this.toggle(name) }, icon(isOpen ? "down" : "right"), name);
    if (!isOpen) return h("section", { class: "facet" }, head);
    const values = this.found[name] ?? [];
    const most = Math.max(1, ...values.map((one) => one.count));
    const isMany = this.many.has(name);
    const shown = isMany ? values : values.slice(0, FEW);
    const rest = isMany || values.length > FEW;
    const press = () => (isMany ? this.many.delete(name) : this.many.add(name), this.renew());
    return h(
      "section",
      { class: "facet" },
      h("h3", {}, head),
      h("ul", {}, shown.map((one) => valueRow(name, one.value, one.count, most))),
      values.length ? null : h("p", { class: "hint" }, this.found[name] ? "none" : "…"),
      rest && h("button", { type: "button", class: "plain", "data-key": `more ${name}`, onclick: press }, isMany ? "fewer" : "more"),
    );
  }
}

function valueRow(field, value, logs, most) {
  const { filters } = state();
  const [isIn, isOut] = [hasFilter(filters, field, value), hasFilter(filters, field, value, true)];
  const shown = value === "" ? `no ${field}` : value;
  const said = plain(shown);
  const set = (out, on) => {
    const filter = { field, value, out };
    change({ filters: on ? withoutFilter(state().filters, filter) : withFilter(state().filters, filter), row: "" });
  };
  return h(
    "li",
    { class: `value ${isIn ? "in" : ""} ${isOut ? "out" : ""}`, vars: { "--share": `${(100 * logs) / most}%` } },
    h(
      "button",
      { type: "button", class: "value-text", "data-key": `only ${field} ${value}`, "aria-pressed": String(isIn), "aria-label": `${isIn ? "No longer only" : "Only"} ${field} ${said}, ${counted(logs, "log")}`, title: said, onclick: () => set(false, isIn) },
      field === "level" && h("i", { class: `swatch level-${value}` }),
      h("span", { class: value === "" ? "none" : "" }, label(shown)),
      h("b", {}, compact(logs)),
    ),
    iconButton("exclude", `${isOut ? "No longer exclude" : "Exclude"} ${field} ${said}`, () => set(true, isOut), { class: "icon-button value-out", "data-key": `out ${field} ${value}` }),
  );
}
