// Asks for the API key where the server wants one, and keeps it for this tab only.

import { apiKey, setApiKey } from "./api.js";
import { h } from "./dom.js";

let dialog = null;

/** Ask for the key; `retry` is called once one was given. Asked once at a time. */
export function askForKey(retry) {
  if (dialog) return;
  const wrong = apiKey() !== "";
  const field = h("input", { type: "password", id: "key-field", autocomplete: "current-password", spellcheck: "false", required: true });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "key-title" }, "API key"),
    h("p", {}, wrong ? "The server does not take this key." : "This server asks for a key: the value of LOGMILL_API_KEY."),
    h("label", { for: "key-field" }, "Key"),
    field,
    h("p", { class: "hint" }, "It is kept until this tab is closed, and sent to this server only."),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, "Use this key")),
  );
  dialog = h("dialog", { class: "dialog", "aria-labelledby": "key-title" }, form);
  form.addEventListener("submit", (event) => {
    // The policy of the page lets no form be sent, not even to itself.
    event.preventDefault();
    setApiKey(field.value.trim());
    dialog.close();
    retry();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    dialog = null;
  });
  document.body.append(dialog);
  dialog.showModal();
}
