// Keys for those who do not reach for the mouse, and the list of them.

import { h } from "./dom.js";
import { isTyping } from "./searchbar.js";

const KEYS = [["/", "to the search bar"], ["j, k", "next row, the one before"], ["Enter", "open the row"], ["Esc", "close what is open"], ["t", "live tail and back"], ["r", "refresh"], ["w", "wrap long lines"], ["x", "light or dark"], ["1 … 7", "logs, live, patterns, anomalies, results, alerts, pipeline"], ["?", "this list"]];
const SYNTAX = [["timeout", "the word in the message"], ['"timed out"', "words in a row"], ["level:error", "a field has the value"], ["service:pay*", "wildcards"], ["status_code:>=500", "more, less, ranges [a TO b]"], ["a OR b, NOT a, -a", "either, not"], ["region:eu-1", "any field of the metadata"], ["/time.?out/", "a regular expression"]];

/** Listen; `actions` has a function for each key. */
export function keyboard(actions) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") return document.querySelector(":popover-open") ? undefined : actions.Escape();
    if (isTyping()) return undefined;
    // Enter and space press the button that has the focus.
    if (event.key === "Enter" && document.activeElement.closest("button, a, [role=tab], summary")) return undefined;
    const action = actions[event.key];
    if (!action) return undefined;
    event.preventDefault();
    return action();
  });
}

/** Show the list. */
export function help() {
  const list = (rows, tag) => h("dl", {}, rows.map(([key, what]) => [h("dt", {}, h(tag, {}, key)), h("dd", {}, what)]));
  const close = h("button", { type: "button", class: "primary", autofocus: true, onclick: () => dialog.close() }, "Close");
  const dialog = h("dialog", { class: "dialog wide", "aria-labelledby": "help-title" }, h("h2", { id: "help-title" }, "Keys and search"), h("div", { class: "help-columns" }, list(KEYS, "kbd"), list(SYNTAX, "code")), h("p", { class: "hint" }, "The same data over HTTP: ", h("a", { href: "docs", target: "_blank", rel: "noopener" }, "the API")), h("div", { class: "actions" }, close));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
