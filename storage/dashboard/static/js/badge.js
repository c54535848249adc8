// How many alerts fire, beside the name of their tab; asked for now and then, whatever is shown.

import { getJson } from "./api.js";
import { h, put } from "./dom.js";
import { compact, counted } from "./format.js";

const POLL_MS = 20_000;

/** The number within a tab. */
export class Badge {
  constructor(tab) {
    this.mark = h("span", { class: "alert-badge", hidden: true });
    tab.append(this.mark);
    this.timer = null;
  }

  /** Begin, once the server has answered something; what is refused or not there is not asked for. */
  start() {
    if (this.timer !== null) return;
    this.timer = setInterval(() => document.hidden || this.ask(), POLL_MS);
    this.ask();
  }

  /** Show a number. */
  show(number) {
    this.mark.hidden = !number;
    put(this.mark, number > 0 && [h("span", { "aria-hidden": "true" }, compact(number)), h("span", { class: "unseen-text" }, ` (${counted(number, "alert")} firing)`)]);
  }

  async ask() {
    try {
      const { counts } = await getJson("alerts", new URLSearchParams({ state: "firing", limit: 1 }), {});
      this.show(counts.firing);
    } catch {
      // Whoever looks at the alerts is told; here nothing is known, and nothing is claimed.
      this.show(0);
    }
  }
}
