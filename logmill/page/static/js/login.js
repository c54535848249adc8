// Asks for the API key where the server wants one, and keeps it for this tab only.

import { apiKey, setApiKey, unsendable } from "./api.js";
import { h, put } from "./dom.js";
import { visible } from "./format.js";

let dialog = null;

/** Ask for the key; `given` is called once one was. Asked once at a time. */
export function askForKey(given) {
  if (dialog) return;
  const wrong = apiKey() !== "";
  const field = h("input", { type: "password", id: "key-field", autocomplete: "current-password", spellcheck: "false", required: true, "aria-describedby": "key-problem", oninput: () => say() });
  const problem = h("p", { class: "problem", id: "key-problem", role: "alert" });
  const say = (...what) => {
    put(problem, what);
    field.setAttribute("aria-invalid", String(what.length > 0));
  };
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "key-title" }, "API key"),
    h("p", {}, wrong ? "The server does not take this key." : "This server asks for a key: the value of LOGMILL_API_KEY."),
    h("label", { for: "key-field" }, "Key"),
    field,
    problem,
    h("p", { class: "hint" }, "It is kept until this tab is closed, and sent to this server only."),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Use this key")),
  );
  dialog = h("dialog", { class: "dialog", "aria-labelledby": "key-title" }, form);
  form.addEventListener("submit", (event) => {
    // The policy of the page lets no form be sent, not even to itself.
    event.preventDefault();
    const key = field.value.trim();
    const wrongOne = unsendable(key);
    if (wrongOne) return say("A key with “", visible(wrongOne), "” cannot be sent: HTTP headers have no such character.");
    setApiKey(key);
    dialog.close();
    return given();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    dialog = null;
  });
  document.body.append(dialog);
  dialog.showModal();
}
