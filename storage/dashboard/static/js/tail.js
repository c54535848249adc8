// Logs as they come: a stream that can be paused and filtered, of which the page keeps the newest.

import { events, isAborted } from "./api.js";
import { columnChooser } from "./columns.js";
import { announce, h, icon, put } from "./dom.js";
import { compact, count, counted } from "./format.js";
import { parse } from "./json.js";
import { filterParameters } from "./questions.js";
import { inWords, isFinal, pause, Waits } from "./retry.js";
import { change, state } from "./state.js";
import { LogTable, wrapButton } from "./table.js";

export const MAX_ROWS = 1000;
// Of what came before, so many are shown at first; after a break so many are asked for again, to close the gap.
const BACKLOG = 50;
const GAP = 500;
// Logs that came before are known by their id, so many of them: more than are shown and asked for again together.
const MAX_SEEN = 10_000;
// What comes sooner than this after the connection was there before, and says nothing about the rate.
const SETTLE_MS = 500;
const RATE_OVER_S = 5;
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [500, 15_000];

/** The view; it listens while it is shown. */
export class TailView {
  constructor({ open, fail }) {
    this.fail = fail;
    this.table = new LogTable({ label: "Live logs", open });
    this.pauseButton = h("button", { type: "button", class: "primary pause", onclick: () => this.pause(!this.paused) });
    this.waiting = h("span", { class: "waiting", role: "status" });
    this.light = h("span", { class: "light" });
    this.rate = h("span", { class: "note" });
    this.notices = h("div", { class: "tail-notices", role: "log", "aria-label": "Notices" });
    this.wrap = wrapButton(change);
    const clear = h("button", { type: "button", class: "tool", onclick: () => this.clear() }, "Clear");
    this.hint = h("div", { class: "notice empty" }, h("h2", {}, "Waiting for logs"), h("p", {}, "What passes the search appears here as it is stored."));
    this.element = h(
      "div",
      { class: "tail-view" },
      h("div", { class: "table-tools" }, this.pauseButton, this.light, this.waiting, this.rate, h("span", { class: "grow" }), clear, this.wrap.button, columnChooser(() => this.table.logs)),
      this.notices,
      h("div", { class: "scroller" }, this.table.element, this.hint),
    );
    this.held = [];
    this.missed = 0;
    this.fresh = [];
    this.seen = new Set();
    this.arrivals = [];
    this.paused = false;
    this.frame = 0;
    this.listening = new AbortController();
    this.pause(false);
  }

  /** Listen from now on with the state's filters. What keeps the first connection from ever being is thrown. */
  async load(signal) {
    this.stop();
    this.clear();
    this.seen.clear();
    this.follow();
    this.listening = new AbortController();
    this.clock = setInterval(() => this.showRate(), 1000);
    const either = AbortSignal.any([signal, this.listening.signal]);
    // What comes after the first event of the stream is no matter of the page's refresh any more.
    await new Promise((resolve, reject) => this.listen(either, resolve, reject));
  }

  async listen(signal, started, failed) {
    const waits = new Waits(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    let isFirst = true;
    let isStarted = false;
    const start = () => ((isStarted = true), started());
    while (!signal.aborted) {
      let failure;
      try {
        const parameters = filterParameters(state(), { time: false });
        parameters.set("backlog", isFirst ? BACKLOG : GAP);
        isFirst = false;
        const stream = events("logs/tail", parameters, { signal, onOpen: () => (this.live(true), start(), waits.reset()) });
        for await (const event of stream) if (this.isNew(event.id)) this.take(event);
        failure = null;
      } catch (error) {
        if (isAborted(error) || signal.aborted) return failed(error);
        // Asking again would not help where the question is wrong, or there is a key missing.
        if (isFinal(error)) return isStarted ? this.fail(error) : failed(error);
        failure = error;
        start();
      }
      const wait = waits.after(failure);
      this.say(`${failure?.message ?? "The stream ended"}; connecting ${inWords(wait)}.`, "passing");
      this.live(false);
      await pause(wait, signal);
    }
    return failed(signal.reason);
  }

  /** Whether no log of this id came yet; what is no log has none. The oldest ids are forgotten. */
  isNew(id) {
    if (!id) return true;
    if (this.seen.has(id)) return false;
    this.seen.add(id);
    if (this.seen.size > MAX_SEEN) this.seen.delete(this.seen.values().next().value);
    return true;
  }

  take({ event, data }) {
    if (event === "notice") return this.notice(parse(data));
    if (event !== "log") return undefined;
    if (performance.now() - this.since > SETTLE_MS) this.arrivals.push(performance.now());
    if (this.arrivals.length > 20_000) this.arrivals.splice(0, 10_000);
    if (this.paused) {
      this.held.push(data);
      // The oldest go first: of what is shown after the pause only the newest would stay anyway.
      if (this.held.length > MAX_ROWS) this.missed += this.held.splice(0, this.held.length - MAX_ROWS).length;
      this.showWaiting();
    } else {
      this.fresh.push(data);
      if (this.fresh.length > MAX_ROWS) this.fresh.splice(0, this.fresh.length - MAX_ROWS);
      this.frame ||= requestAnimationFrame(() => this.draw());
    }
    return undefined;
  }

  draw() {
    this.frame = 0;
    const logs = this.fresh.splice(0).map(parse).reverse();
    if (!logs.length) return;
    this.table.prepend(logs, MAX_ROWS);
    this.hint.hidden = true;
  }

  notice({ code, message, missed }) {
    this.say(`${message || code}${missed ? ` (${counted(missed, "log")} ${missed === 1 ? "was" : "were"} not shown)` : ""}`);
  }

  /** Say it above the rows; what is "passing" until there is a connection again. */
  say(text, kind = "") {
    this.notices.append(h("p", { class: kind }, text));
    while (this.notices.children.length > 3) this.notices.firstElementChild.remove();
  }

  live(is) {
    this.light.classList.toggle("on", is);
    put(this.light, is ? "connected" : "connecting …");
    this.since = performance.now();
    if (is) for (const passing of this.notices.querySelectorAll(".passing")) passing.remove();
  }

  pause(is) {
    this.paused = is;
    put(this.pauseButton, icon(is ? "play" : "pause"), is ? "Resume" : "Pause");
    announce(is ? "paused" : "live");
    if (!is) {
      if (this.missed) this.say(`${counted(this.missed, "older log")} that came in the pause ${this.missed === 1 ? "is not shown; the search finds it" : "are not shown; the search finds them"}.`);
      this.fresh.push(...this.held.splice(0));
      this.missed = 0;
      this.draw();
    }
    this.showWaiting();
  }

  showWaiting() {
    const waiting = this.held.length + this.missed;
    put(this.waiting, this.paused ? `paused, ${count(waiting)} new` : "");
  }

  showRate() {
    const since = performance.now() - RATE_OVER_S * 1000;
    while (this.arrivals.length && this.arrivals[0] < since) this.arrivals.shift();
    const rate = this.arrivals.length / RATE_OVER_S;
    put(this.rate, `${rate < 10 ? rate.toFixed(1) : compact(rate)} logs/s`, this.table.logs.length >= MAX_ROWS ? ` · newest ${count(MAX_ROWS)} kept` : "");
  }

  clear() {
    this.held = [];
    this.fresh = [];
    this.missed = 0;
    put(this.notices);
    this.table.setLogs([]);
    this.hint.hidden = false;
    this.showWaiting();
  }

  follow() {
    this.wrap.follow();
    this.table.layout();
    this.table.toOpen();
  }

  stop() {
    this.listening.abort();
    clearInterval(this.clock);
    put(this.light);
    this.light.classList.remove("on");
  }
}
