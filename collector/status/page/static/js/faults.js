// Events that were not as they should be, with samples; and why the producer refused records or is asked again.

import { h } from "./dom.js";
import { compact, count, time, visible } from "./format.js";
import { Quiet } from "./quiet.js";

const MOST_CHARS = 300;

/** Parse errors: the newest samples, of so many in all. */
export class FaultsCard extends Quiet {
  constructor() {
    super("Parse errors");
  }

  show(faults, all) {
    super.show(faults, draw, all > faults.length ? `the newest ${count(faults.length)} of ${count(all)}` : all ? count(all) : "");
  }
}

function draw(faults) {
  if (!faults.length) return h("p", { class: "hint" }, "none: every line was as it is declared to be");
  const rows = faults.map(({ at, reason, file, sample }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row", class: "moment" }, time(at, { ms: false })),
      h("td", {}, visible(reason, MOST_CHARS)),
      h("td", { class: "fault-file" }, file === "-" ? "standard input" : visible(file, MOST_CHARS)),
      h("td", { class: "sample" }, visible(sample, MOST_CHARS)),
    ),
  );
  return scrolling("Samples", "plain-table faults blocks", ["When", "What", "File", "Line"], rows);
}

/** What the producer did not take, and why; hidden while there is nothing of the kind. */
export class RefusalsCard extends Quiet {
  constructor() {
    super("Not accepted");
    this.element.hidden = true;
  }

  show({ refusals, retries }) {
    this.element.hidden = !refusals.length && !retries.length;
    const rows = [
      ...refusals.map((one) => ({ ...one, what: "refused for good", unit: "log" })),
      ...retries.map((one) => ({ ...one, what: "sent again", unit: "request" })),
    ];
    super.show(rows, drawReasons);
  }
}

function drawReasons(reasons) {
  const rows = reasons.map(({ what, unit, reason, count: number, last_at: last }) =>
    h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, `${compact(number)} ${unit}${number === 1 ? "" : "s"}`), h("td", {}, visible(reason, MOST_CHARS)), h("td", { class: "moment" }, time(last, { ms: false }))),
  );
  return scrolling("Reasons", "plain-table blocks", ["What", "How many", "Why", "Last"], rows);
}

function scrolling(name, kind, heads, rows) {
  return h(
    "div",
    { class: "table-scroll", tabindex: "0", role: "region", "aria-label": name },
    h("table", { class: kind }, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)),
  );
}
