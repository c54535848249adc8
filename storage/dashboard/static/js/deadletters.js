// Dead letters: what could not be stored and why; to look into, to send on its way again, or to remove for good.

import { ApiError, getJson, isAborted, postJson } from "./api.js";
import { ask } from "./dialog.js";
import { h, put, toast } from "./dom.js";
import { ago, bytes, count, counted, time, visible } from "./format.js";
import { getLogs } from "./questions.js";
import { Waits } from "./retry.js";

const LIMIT = 100;
const MAX_SHOWN_CHARS = 64 * 1024;
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [2000, 60_000];

/** The section of the page of the pipeline. */
export class DeadLetters {
  constructor() {
    this.count = h("span", { class: "note" });
    this.tools = h("div", { class: "table-tools" });
    this.body = h("div", { class: "card-body" });
    this.element = h("section", { class: "card dead", "aria-label": "Dead letters" }, h("h2", {}, "Dead letters", this.count), this.tools, this.body);
    this.known = null;
    this.signal = null;
    this.asked = 0;
    this.notBefore = 0;
    this.waits = new Waits(FIRST_WAIT_MS, LONGEST_WAIT_MS);
  }

  /** Ask for them and show them; a producer that is away is said in place. */
  async load(signal = this.signal) {
    this.signal = signal;
    this.asked += 1;
    try {
      const found = await getJson("pipeline/dead", new URLSearchParams({ limit: LIMIT }), { signal });
      this.known = found.count;
      this.notBefore = 0;
      this.waits.reset();
      this.show(found);
    } catch (error) {
      if (isAborted(error)) throw error;
      this.known = null;
      this.notBefore = performance.now() + this.waits.after(error);
      put(this.tools);
      put(this.body, h("p", { class: "problem" }, `They cannot be shown: ${error.message}`), h("button", { type: "button", class: "tool", onclick: () => this.load().catch(() => {}) }, "Try again"));
    } finally {
      this.asked -= 1;
    }
  }

  /**
   * How many there are now, as the pipeline says every few seconds; another number than known has them asked for anew,
   * after a failure ever more seldom.
   */
  counted(number) {
    put(this.count, number === null ? "" : count(number));
    if (number === null || number === this.known || !this.signal || this.asked || performance.now() < this.notBefore) return;
    this.load().catch(() => {});
  }

  show({ count: all, letters }) {
    put(this.count, count(all));
    // Those that are listed, and not those that come while the question is asked.
    const chosen = { ids: letters.map(({ id }) => id) };
    put(this.tools, all > 0 && [
      h("span", { class: "hint" }, all > letters.length ? `${count(letters.length)} of ${count(all)} shown` : ""),
      h("span", { class: "grow" }),
      h("button", { type: "button", class: "tool", onclick: () => this.act("replay", chosen, letters.length === 1 ? "Send the one that is listed on its way again?" : `Send the ${count(letters.length)} that are listed on their way again?`) }, "Replay all"),
      h("button", { type: "button", class: "tool danger", onclick: () => this.act("purge", chosen, letters.length === 1 ? "Remove the one that is listed for good? What it holds is lost." : `Remove the ${count(letters.length)} that are listed for good? What they hold is lost.`) }, "Purge all"),
    ]);
    const heads = h("thead", {}, h("tr", {}, ["When", "Lane", "Reason", "Size", "What to do"].map((name) => h("th", { scope: "col" }, name))));
    put(this.body, letters.length ? h("table", { class: "plain-table letters" }, heads, h("tbody", {}, letters.map((letter) => this.row(letter)))) : h("p", { class: "hint" }, "None: everything that was accepted is stored or on its way."));
  }

  row(letter) {
    const { id, lane, reason, at } = letter;
    const what = letter.records === undefined ? "message" : counted(letter.records, "log");
    const button = (label, onclick, kind = "") => h("button", { type: "button", class: `tool ${kind}`, "aria-label": `${label} ${id}`, onclick }, label);
    return h(
      "tr",
      { "data-letter": id },
      h("td", {}, at ? h("time", { datetime: at, title: ago(at) }, time(at, { ms: false })) : "–"),
      h("td", {}, lane ?? "–"),
      h("td", { class: "letter-reason" }, visible(String(reason ?? ""), 1000)),
      h("td", {}, `${what}, ${bytes(letter.bytes)}`),
      h("td", { class: "letter-actions" },
        button("Show", () => this.look(id)),
        button("Replay", () => this.act("replay", { ids: [id] }, "Send it on its way again?")),
        button("Purge", () => this.act("purge", { ids: [id] }, "Remove it for good? What it holds is lost."), "danger")),
    );
  }

  async look(id) {
    try {
      const { letter } = await getLogs(`pipeline/dead/${encodeURIComponent(id)}`, null, {});
      const { content, form, truncated, ...facts } = letter;
      const shown = form === "records" ? content.map((one) => JSON.stringify(one, null, 2)).join("\n") : String(content ?? "");
      const rows = Object.entries(facts).map(([name, value]) => [h("dt", {}, visible(name)), h("dd", {}, visible(String(value)))]);
      await ask("Dead letter", [h("dl", { class: "facts" }, rows), h("p", { class: "hint" }, `${form}${truncated ? ", the beginning" : ""}`), h("pre", { class: "json", tabindex: "0" }, visible(shown, MAX_SHOWN_CHARS))]);
    } catch (error) {
      toast(error.message, "error");
    }
  }

  async act(action, body, question) {
    if (!(await ask(action === "purge" ? "Purge" : "Replay", [h("p", {}, question)], action === "purge" ? "Purge" : "Replay"))) return;
    try {
      const done = await postJson(`pipeline/dead/${action}`, body);
      const number = done.replayed ?? done.purged ?? 0;
      toast(`${count(number)} ${action === "purge" ? "removed" : `sent on ${number === 1 ? "its" : "their"} way`}${done.missing ? `, ${count(done.missing)} no longer there` : ""}`);
    } catch (error) {
      toast(error instanceof ApiError ? error.message : String(error), "error");
    }
    await this.load().catch(() => {});
  }
}
