// The table of logs: rows in the chosen columns, one of them selected, made and kept cheap to scroll through.

import { heads, layOut } from "./columns.js";
import { h, icon, put } from "./dom.js";
import { LEVELS, valueOf } from "./fields.js";
import { time, visible } from "./format.js";
import { text } from "./json.js";
import { state } from "./state.js";

// A message may have a megabyte; the row shows its beginning, the open log all of it.
const MAX_CELL_CHARS = 1500;
// Rows that the browser passes over as one where they are out of sight; it looks at each chunk in every frame.
const CHUNK = 100;

const chunk = (rows) => h("div", { role: "rowgroup", class: "chunk" }, rows);

/** The class that gives a level its colour; the name comes from a log. */
export const levelClass = (level) => (LEVELS.includes(level) ? `level-${level}` : "level-INFO");

/** A level as a word in its colour. */
export const levelBadge = (level) => h("span", { class: `badge ${levelClass(level)}` }, level);

/** A value as it stands in a cell. */
export function cellContent(log, name, limit = MAX_CELL_CHARS) {
  const value = valueOf(log, name);
  if (value === undefined || value === null) return [h("span", { class: "none" }, "–")];
  if (name === "level") return [levelBadge(value)];
  if (name === "timestamp" || name === "received_at" || name === "processed_at") return [h("time", { datetime: value, title: value }, time(value))];
  if (name === "anomaly") return [value ? "yes" : "no"];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return visible(value.join(", "), limit);
  return visible(text(value), limit);
}

/** Rows of logs; `open(log)` is called when one is to be shown whole, `also` names columns shown beside those chosen. */
export class LogTable {
  constructor({ label, open, also = [] }) {
    this.open = open;
    this.also = also;
    this.logs = [];
    this.columns = [];
    this.selected = -1;
    this.head = h("div", { role: "row", class: "row heads" });
    this.rows = [];
    this.body = h("div", { role: "presentation", class: "rows" });
    this.element = h("div", { role: "grid", class: "table", "aria-label": label, "aria-busy": "false" }, h("div", { role: "rowgroup", class: "head-group" }, this.head), this.body);
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("focusin", (event) => {
      const at = this.indexOf(event.target.closest(".row"));
      if (at >= 0) this.select(at, { focus: false });
    });
  }

  /** Show these logs instead. What was selected, and had the keyboard, still is and has it where `keep` says so and it is there. */
  setLogs(logs, { keep = false } = {}) {
    const id = keep ? this.current?.id : undefined;
    const had = keep ? document.activeElement?.closest?.(".row[data-id]") : null;
    const focused = this.body.contains(had) ? had.dataset.id : undefined;
    this.logs = [...logs];
    this.selected = id === undefined ? -1 : this.logs.findIndex((log) => log.id === id);
    if (!this.layout()) this.draw();
    this.toOpen();
    if (focused) this.rowOf(focused)?.focus({ preventScroll: true });
  }

  /** The row of the log with this id, if it is there. */
  rowOf(id) {
    return this.rows[this.logs.findIndex((log) => log.id === id)];
  }

  /** Make all rows anew. */
  draw() {
    this.rows = [];
    put(this.body);
    this.add(this.logs);
  }

  /** Show these below the others. */
  append(logs) {
    this.logs.push(...logs);
    this.add(logs);
  }

  add(logs) {
    for (let from = 0; from < logs.length; from += CHUNK) {
      const rows = logs.slice(from, from + CHUNK).map((log) => this.row(log));
      this.rows.push(...rows);
      this.body.append(chunk(rows));
    }
    this.mark();
  }

  /** Show these above the others, and no more than `most` in all. */
  prepend(logs, most) {
    const added = logs.slice(0, most);
    const rows = added.map((log) => this.row(log));
    this.logs = [...added, ...this.logs].slice(0, most);
    const first = this.body.firstElementChild;
    if (first && first.children.length + rows.length <= CHUNK) first.prepend(...rows);
    else this.body.prepend(chunk(rows));
    this.rows = [...rows, ...this.rows];
    for (const old of this.rows.splice(most)) {
      const { parentElement: from } = old;
      old.remove();
      if (!from.children.length) from.remove();
    }
    if (this.selected >= 0) this.selected += added.length;
    if (this.selected >= this.logs.length) this.selected = -1;
    this.mark();
  }

  /** Take the columns, widths and wrapping of the state; rows are made anew only where their cells differ; whether they were. */
  layout() {
    const { columns: chosen, wrap } = state();
    const added = this.also.filter((name) => !chosen.includes(name));
    const columns = chosen.at(-1) === "message" ? [...chosen.slice(0, -1), ...added, "message"] : [...chosen, ...added];
    this.element.classList.toggle("wrap", wrap);
    layOut(this.element, columns);
    if (columns.join() === this.columns.join()) return false;
    this.columns = columns;
    put(this.head, heads(columns, () => layOut(this.element, this.columns)));
    this.element.setAttribute("aria-colcount", String(columns.length));
    this.draw();
    return true;
  }

  row(log) {
    const cells = this.columns.map((name) => h("div", { role: "gridcell", class: `cell c-${name.replace(/[^\w-]/g, "_")}`, "data-name": name }, cellContent(log, name)));
    return h("div", { role: "row", class: `row ${levelClass(log.level)}${log.anomaly ? " anomaly" : ""}`, tabindex: "-1", "data-id": log.id }, cells);
  }

  indexOf(row) {
    return row ? this.rows.indexOf(row) : -1;
  }

  clicked(event) {
    // Text that was just selected is to be copied, not to open the log.
    if (!getSelection().isCollapsed || event.target.closest("button, a")) return;
    const at = this.indexOf(event.target.closest(".row"));
    if (at < 0) return;
    this.select(at);
    this.open(this.logs[at]);
  }

  /** Select the row at this place, and have it in view. */
  select(at, { focus = true } = {}) {
    if (at < 0 || at >= this.logs.length) return;
    this.selected = at;
    this.mark();
    if (!focus) return;
    this.rows[at].focus({ preventScroll: true });
    this.rows[at].scrollIntoView({ block: "nearest" });
  }

  /** Select the next row (1) or the one before (-1); false where there is none. */
  move(step) {
    const to = this.selected < 0 ? 0 : this.selected + step;
    if (to < 0 || to >= this.logs.length) return false;
    this.select(to);
    return true;
  }

  /** The selected log, null where none is. */
  get current() {
    return this.logs[this.selected] ?? null;
  }

  /** Have the open log selected, if it is among the rows. */
  toOpen() {
    const { row: open } = state();
    const at = open ? this.logs.findIndex(({ id }) => id === open) : -1;
    if (at >= 0) this.selected = at;
    this.mark();
  }

  /** Mark the selected row and the open one. */
  mark() {
    const { row: open } = state();
    for (const old of this.body.querySelectorAll(".selected, .opened, [tabindex='0']")) {
      old.classList.remove("selected", "opened");
      old.setAttribute("tabindex", "-1");
      old.removeAttribute("aria-selected");
    }
    const here = this.rows[Math.max(0, this.selected)];
    here?.setAttribute("tabindex", "0");
    if (this.selected < 0) return;
    here?.classList.add("selected");
    here?.setAttribute("aria-selected", "true");
    if (open && this.logs[this.selected].id === open) here.classList.add("opened");
  }

  busy(is) {
    this.element.setAttribute("aria-busy", String(is));
  }
}

/** A button that has long lines wrapped or not. */
export function wrapButton(change) {
  const button = h("button", { type: "button", class: "tool", title: "Wrap long lines (w)", onclick: () => change({ wrap: !state().wrap }, { replace: true }) }, icon("wrap"), "Wrap");
  return { button, follow: () => button.setAttribute("aria-pressed", String(state().wrap)) };
}
