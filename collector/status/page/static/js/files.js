// The files that are followed, those that lag most first, with a field to look for some of them.

import { h, put } from "./dom.js";
import { bytes, compact, count, decimal, time, visible } from "./format.js";
import { Quiet } from "./quiet.js";

// More would take the browser longer to draw than the time until the next figures.
const MOST = 200;
// What was just written is on its way; more than a few requests take is late.
const LATE_BYTES = 10_000_000;
const HEADS = [["File"], ["Service"], ["Logs", "number"], ["Logs/s", "number"], ["Size", "number"], ["Lag", "number"], ["Parse errors", "number"], ["Changed"], ["State"]];

/** The card. */
export class FilesCard extends Quiet {
  constructor() {
    super("Files");
    this.found = [];
    this.all = 0;
    this.wanted = h("input", { type: "search", placeholder: "Find a file", "aria-label": "Find a file", oninput: () => this.draw() });
    this.rows = h("tbody");
    const heads = HEADS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name));
    const table = h("table", { class: "plain-table files blocks" }, h("thead", {}, h("tr", {}, heads)), this.rows);
    this.hint = h("p", { class: "hint" });
    const place = h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Files, those that lag most first" }, table);
    put(this.body, h("div", { class: "table-tools" }, this.wanted), place, this.hint);
    // Only the rows are drawn anew: who looks for a file keeps the field.
    this.body = this.rows;
  }

  /** Show these of so many files. */
  show(files, all) {
    this.found = files;
    this.all = all;
    this.draw();
  }

  draw() {
    const text = this.wanted.value.trim().toLowerCase();
    const chosen = text ? this.found.filter(({ path, present_path: present, service, state }) => `${path}\n${present}\n${service}\n${state}`.toLowerCase().includes(text)) : this.found;
    const shown = chosen.slice(0, MOST);
    super.show(shown, (files) => files.map(row), `${count(this.all)} followed`);
    put(this.hint, hint(shown.length, chosen.length, this.found.length, this.all, text));
  }
}

function hint(shown, chosen, known, all, text) {
  if (!known) return "No file matches yet.";
  if (!chosen) return "None of these is like that.";
  const cut = shown < chosen ? `The first ${count(shown)} of ${count(chosen)}.` : "";
  return known < all ? `${cut} ${text ? "Looked for" : "Known here"} among the ${count(known)} that lag most or changed last.` : cut;
}

// In the same folder the name says it all.
function nameOf(path, present) {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return present.startsWith(folder) ? present.slice(folder.length) : present;
}

function row({ path, present_path: present, service, records, per_s: rate, size_bytes: size, lag_bytes: lag, faults, modified_at: modified, state, is_rotated: isRotated }) {
  const cell = (name, kind, ...shown) => h("td", { class: kind, "data-name": name }, shown);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, path === "-" ? "standard input" : visible(path, 400), present && h("small", {}, ` (now ${visible(nameOf(path, present), 400)})`), isRotated && state !== "rotated" && state !== "deleted" && h("small", {}, " rotated")),
    cell("Service", "", visible(service, 100)),
    cell("Logs", "number", compact(records)),
    cell("Logs/s", "number", decimal(rate)),
    cell("Size", "number", bytes(size)),
    cell("Lag", `number ${lag ? "lags" : ""} ${lag > LATE_BYTES ? "late" : ""}`, bytes(lag)),
    cell("Parse errors", "number", compact(faults)),
    cell("Changed", "moment", modified ? time(modified, { ms: false }) : "–"),
    cell("State", state.startsWith("cannot") ? "odd" : "", visible(state, 200)),
  );
}
