// Pages of logs in the table with endless scrolling, under a histogram: the view of logs, and that of anomalies.

import { getJson, isAborted } from "./api.js";
import { columnChooser } from "./columns.js";
import { announce, h, put } from "./dom.js";
import { count, counted } from "./format.js";
import { Histogram } from "./histogram.js";
import { exportMenu } from "./export.js";
import { noHits, nothingStored } from "./notices.js";
import { filterParameters, getLogs } from "./questions.js";
import { change, state } from "./state.js";
import { LogTable, wrapButton } from "./table.js";

const PAGE = 100;
const NEXT_PAGE = 200;
// Of a search that is asked again so many at most, to show the row again that one had scrolled to.
const MOST_AGAIN = 1000;
// As many rows as a page stays quick with. Who wants more narrows the search, or exports.
export const MAX_ROWS = 5000;

/** A view of pages of logs. `path` answers them, `extra` are search texts that say in the other questions which logs those are. */
export class LogsView {
  constructor({ path = "logs", extra = [], label = "Logs", also = [], facets, open, refresh, settle, found = null }) {
    this.path = path;
    this.extra = extra;
    this.facets = facets;
    this.refresh = refresh;
    this.found = found;
    this.histogram = new Histogram();
    this.table = new LogTable({ label, open, also });
    this.wrap = wrapButton(change);
    this.info = h("span", { class: "note", "aria-live": "polite" });
    this.more = h("button", { type: "button", class: "more", hidden: true, onclick: () => this.next() }, "Load more");
    this.foot = h("div", { class: "foot" }, this.more);
    this.notice = h("div", { class: "notices" });
    this.head = h("div", { class: "above" });
    this.scroller = h("div", { class: "scroller", tabindex: "-1" }, this.table.element, this.notice, this.foot);
    this.element = h(
      "div",
      { class: "logs-view" },
      this.head,
      this.histogram.element,
      h("div", { class: "table-tools" }, this.info, h("span", { class: "grow" }), this.wrap.button, columnChooser(() => this.table.logs), exportMenu(() => this.extra, settle)),
      this.scroller,
    );
    this.cursor = null;
    this.asking = new AbortController();
    new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && this.next(), { root: null, rootMargin: "600px" }).observe(this.foot);
  }

  /** Ask for all of it anew. Problems are thrown; what nobody wants any more is cut off, and the server stops on it. */
  async load(signal) {
    this.asking.abort();
    this.asking = new AbortController();
    const either = AbortSignal.any([signal, this.asking.signal]);
    // No page of the search before may follow one of this.
    this.cursor = null;
    this.follow();
    this.table.busy(true);
    try {
      const parts = [this.first(either), this.histogram.load(either, this.extra), this.facets.load(either, this.extra)];
      // The first that fails says why; the others would only say it again.
      await Promise.all(parts);
    } finally {
      this.table.busy(false);
    }
  }

  async first(signal) {
    const question = String(filterParameters(state()));
    const isAgain = question === this.question;
    const asked = isAgain ? (this.place()?.at ?? 0) : 0;
    const answer = await this.page(Math.min(MOST_AGAIN, PAGE * Math.ceil((asked + PAGE) / PAGE)), null, signal);
    this.question = question;
    // One may have scrolled on while it was asked.
    const place = isAgain ? this.place() : null;
    this.table.setLogs(answer.logs, { keep: isAgain });
    this.scrollTo(place);
    this.found?.(answer, this.head);
    this.arrived(answer);
    if (answer.logs.length) put(this.notice);
    else put(this.notice, (await this.isEmpty(signal)) ? nothingStored(this.refresh) : noHits());
  }

  /** What scrolls: the box of the table; in narrow windows the page. */
  get scrolled() {
    return getComputedStyle(this.scroller).overflowY === "visible" ? document.scrollingElement : this.scroller;
  }

  /** The first row that is in sight, as {id, at, offset}; null at the top, where what is new shall be seen. */
  place() {
    const { scrolled } = this;
    const top = scrolled === this.scroller ? this.scroller.getBoundingClientRect().top : 0;
    if (scrolled.scrollTop <= 0 || !this.element.isConnected || this.table.element.getBoundingClientRect().top >= top) return null;
    const { rows, logs } = this.table;
    let [low, high] = [0, rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].getBoundingClientRect().bottom <= top) low = middle + 1;
      else high = middle;
    }
    return low < rows.length ? { id: logs[low].id, at: low, offset: rows[low].getBoundingClientRect().top } : null;
  }

  /** Have the row where it was; the top where it is no more. */
  scrollTo(place) {
    const row = place && this.table.rowOf(place.id);
    if (!row) {
      this.scroller.scrollTop = 0;
      return;
    }
    // Rows out of sight have no height of their own until they are near: the second time it is exact.
    for (let tries = 0; tries < 2; tries += 1) this.scrolled.scrollTop += row.getBoundingClientRect().top - place.offset;
  }

  async isEmpty(signal) {
    return (await getJson("logs", new URLSearchParams({ limit: 1, fields: "id" }), { signal })).count === 0;
  }

  page(limit, cursor, signal) {
    const parameters = cursor ? new URLSearchParams(this.asked) : filterParameters(state());
    this.asked = new URLSearchParams(parameters);
    parameters.set("limit", limit);
    if (cursor) parameters.set("cursor", cursor);
    return getLogs(this.path, parameters, { signal });
  }

  /** The next page below the others. */
  async next() {
    if (!this.cursor || this.loading || this.table.logs.length >= MAX_ROWS || !this.element.isConnected) return;
    const { signal } = this.asking;
    this.loading = true;
    put(this.more, "Loading …");
    try {
      const answer = await this.page(Math.min(NEXT_PAGE, MAX_ROWS - this.table.logs.length), this.cursor, signal);
      if (signal.aborted) return;
      this.table.append(answer.logs);
      this.arrived(answer);
    } catch (error) {
      if (!isAborted(error)) put(this.more, `${error.message}; try again`);
    } finally {
      this.loading = false;
    }
  }

  arrived({ next_cursor: cursor }) {
    this.cursor = cursor;
    const shown = this.table.logs.length;
    const isFull = shown >= MAX_ROWS && cursor;
    put(this.info, shown ? `newest ${count(shown)}${cursor ? "" : ", all there are"}` : "");
    put(this.more, "Load more");
    this.more.hidden = !cursor || isFull;
    for (const old of this.foot.querySelectorAll(".hint")) old.remove();
    if (isFull) this.foot.append(h("p", { class: "hint" }, `${count(shown)} rows are shown. For more, narrow the search or the time, or export.`));
    announce(`${counted(shown, "log")} shown`);
  }

  /** Take what needs no question: columns, wrapping, the open row. */
  follow() {
    this.wrap.follow();
    this.table.layout();
    this.table.toOpen();
  }

  stop() {
    this.asking.abort();
  }
}
