// Figures in tiles, and cards with tables.

import { h } from "./dom.js";

/** A figure with its name and what it is of; `kind` is "", warn or bad. */
export function tile(name, value, unit, kind = "") {
  return h("div", { class: `tile ${kind}`, "data-tile": name }, h("span", { class: "tile-name" }, name), h("strong", {}, value), h("small", {}, unit));
}

/** A card: its element, its body, and a note beside its title. */
export function card(title, kind = "") {
  const body = h("div", { class: "card-body" });
  const note = h("span", { class: "note" });
  return { body, note, element: h("section", { class: `card ${kind}`, "aria-label": title }, h("h2", {}, title, note), body) };
}

/** The key of a chart, of pairs of a colour of css/base.css and a name. */
export const keyOf = (pairs) => pairs.map(([tone, name]) => h("span", { class: "legend-item" }, h("i", { class: "swatch", vars: { "--tone": `var(${tone})` } }), name));

/** A table whose rows begin with their heading; `heads` is null where the columns need none. */
export function table(heads, rows) {
  return h(
    "table",
    { class: "plain-table" },
    heads && h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((cell) => h("td", {}, cell))))),
  );
}
