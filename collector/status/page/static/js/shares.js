// Counts by name, each with its share of all as a bar.

import { h } from "./dom.js";
import { compact, count, decimal, label, plain } from "./format.js";
import { Quiet } from "./quiet.js";

const LEVELS = ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"];
const MOST = 100;

const rank = ({ name }) => (LEVELS.includes(name) ? LEVELS.indexOf(name) : LEVELS.length);

/** A card of {name, count, per_s, is_other}. */
export class SharesCard extends Quiet {
  /** Show these; levels in their order and colours, everything else the largest first. */
  show(counted, { isLevel = false } = {}) {
    const sorted = isLevel ? counted.toSorted((a, b) => rank(a) - rank(b)) : counted;
    const note = counted.length > MOST ? `${MOST} of ${count(counted.length)}` : "";
    super.show(sorted.slice(0, MOST), (rows) => draw(rows, isLevel, this.element.getAttribute("aria-label")), note);
  }
}

function draw(rows, isLevel, title) {
  if (!rows.length) return h("p", { class: "hint" }, "none yet");
  const most = Math.max(1, ...rows.map((one) => one.count));
  return h("ul", { class: "shares", tabindex: "0", "aria-label": title }, rows.map((one) => row(one, most, isLevel)));
}

function row({ name, count: number, per_s: rate, is_other: isOther }, most, isLevel) {
  const shown = isLevel ? h("span", { class: "badge" }, label(name)) : isOther ? h("em", {}, "all others") : h("span", { title: plain(name) }, label(name));
  return h(
    "li",
    { class: `share ${isLevel ? levelClass(name) : ""}` },
    h("span", { class: "share-name" }, shown),
    h("span", { class: "share-count" }, compact(number)),
    h("span", { class: "share-rate" }, `${decimal(rate)}/s`),
    h("span", { class: "share-bar", vars: { "--share": `${((100 * number) / most).toFixed(1)}%` } }),
  );
}

const levelClass = (name) => (LEVELS.includes(name) ? `level-${name}` : "level-DEBUG");
