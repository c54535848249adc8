// Takes what is shown away as a file: NDJSON, CSV or JSON, with the filters and, if wanted, the columns in force.

import { apiKey } from "./api.js";
import { h, icon, put, toast } from "./dom.js";
import { FIELDS } from "./fields.js";
import { attach } from "./popover.js";
import { filterParameters } from "./questions.js";
import { save } from "./saving.js";
import { state } from "./state.js";

const FORMATS = [["ndjson", "NDJSON", "a log a line, for jq and other programs"], ["csv", "CSV", "for spreadsheets"], ["json", "JSON", "one list"]];
const SOURCE = ["host", "file", "protocol"];

/** The fields of the answer that columns come from: parts of the source and of the metadata come as a whole. */
export function fieldsOf(columns) {
  const names = columns.map((name) => (SOURCE.includes(name) ? "source" : name === "id" || Object.hasOwn(FIELDS, name) ? name : "metadata"));
  return [...new Set(names)];
}

/** The button with its menu; `extra()` gives more search texts, `settle()` says whether the search bar is in force. */
export function exportMenu(extra, settle) {
  const button = h("button", { type: "button", class: "tool" }, icon("download"), "Export");
  const all = h("input", { type: "checkbox", checked: true, id: "export-all" });
  const items = FORMATS.map(([format, label, help]) =>
    h("button", { type: "button", class: "export-item", "data-format": format, onclick: () => (close(), chosen(format)) }, h("b", {}, label), h("small", {}, help)));
  const panel = h(
    "div",
    { role: "dialog", "aria-label": "Export", class: "export-panel" },
    h("p", { class: "hint" }, "Everything that passes the search, newest first, however much it is."),
    items,
    h("label", {}, all, "all fields, not only the columns"),
  );
  const close = attach(button, panel, { align: "right" });

  const chosen = async (format) => {
    // A file of another search than the one that is read in the bar would be found out late.
    if (!(await settle())) return toast("Not exported: the search text is not applied", "error");
    const parameters = filterParameters(state());
    for (const text of extra()) parameters.append("q", text);
    parameters.set("format", format);
    if (!all.checked) parameters.set("fields", fieldsOf(state().columns).join(","));
    const busy = (is) => put(button, icon("download"), is ? "Exporting …" : "Export");
    return save("logs/export", parameters, apiKey() ? `logs.${format}` : "", { what: "exported", busy });
  };
  return h("span", {}, button, panel);
}
