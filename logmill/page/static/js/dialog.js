// Questions and details in a dialog over the page.

import { h } from "./dom.js";

/** A dialog; true where it was agreed to. Without `verb` there is nothing to agree to, only to see. */
export function ask(title, inside, verb = null) {
  return new Promise((resolve) => {
    const close = (value) => h("button", { type: "button", class: value ? "primary" : "", autofocus: !value, onclick: () => dialog.close(value) }, value || (verb ? "Cancel" : "Close"));
    const dialog = h("dialog", { class: "dialog wide", "aria-label": title }, h("h2", {}, title), inside, h("div", { class: "actions" }, close(""), verb && close(verb)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue !== "");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
