// The settings in force, those that were changed first, with a field to look for one.

import { h, put } from "./dom.js";

/** A table of {name, value, unit, help, is_default}. */
export function configuration(settings) {
  const body = h("tbody");
  const wanted = h("input", { type: "search", placeholder: "Find a setting", "aria-label": "Find a setting", oninput: () => show() });
  const changed = h("input", { type: "checkbox", id: "changed-only", onchange: () => show() });
  const show = () => {
    const text = wanted.value.toLowerCase();
    const found = settings.filter(({ name, help, is_default: isDefault }) => `${name} ${help}`.toLowerCase().includes(text) && !(changed.checked && isDefault));
    found.sort((a, b) => Number(a.is_default) - Number(b.is_default));
    put(body, found.map(row));
  };
  show();
  return h("div", {}, h("div", { class: "table-tools" }, wanted, h("label", {}, changed, "only what was changed")), h("div", { class: "config-scroll", tabindex: "0", role: "region", "aria-label": "Settings" }, h("table", { class: "plain-table config" }, h("thead", {}, h("tr", {}, ["Setting", "Value", "What it does"].map((name) => h("th", { scope: "col" }, name)))), body)));
}

function row({ name, value, unit, help, is_default: isDefault }) {
  const shown = value === null || value === "" ? "–" : typeof value === "string" ? value : JSON.stringify(value);
  // Units are words ("records") or signs ("ms").
  const of = shown === "1" && unit?.length > 2 ? unit.replace(/ies$/, "y").replace(/s$/, "") : unit;
  return h("tr", { class: isDefault ? "" : "changed" }, h("th", { scope: "row" }, name, !isDefault && h("small", {}, " changed")), h("td", {}, shown, of ? ` ${of}` : ""), h("td", {}, help));
}
