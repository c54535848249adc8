// A card that is drawn anew only where what it shows has changed, and not under somebody who selects text in it.

import { card } from "./cards.js";
import { put } from "./dom.js";

/** Whether text in this element is selected. */
function isSelectedIn(element) {
  const chosen = getSelection();
  return chosen !== null && !chosen.isCollapsed && element.contains(chosen.anchorNode);
}

/** A card with a body that `show` makes. */
export class Quiet {
  constructor(title, kind = "") {
    Object.assign(this, card(title, kind));
    this.shown = "";
  }

  /** Show this value as make(value) draws it, and a note beside the title. */
  show(value, make, note = "") {
    const shown = JSON.stringify([value, note]);
    if (shown === this.shown || isSelectedIn(this.body)) return;
    this.shown = shown;
    put(this.body, make(value));
    put(this.note, note);
  }
}
