// The filters in force as chips: a click turns one round, the cross removes it.

import { byId, h, icon, put } from "./dom.js";
import { label, plain } from "./format.js";
import { inWords, withFilter, withoutFilter } from "./query.js";
import { change, state } from "./state.js";

/** Show them; nothing where there are none. */
export function showChips() {
  const { filters } = state();
  const chips = filters.map((filter) =>
    h(
      "span",
      { class: filter.out ? "chip out" : "chip" },
      h(
        "button",
        { type: "button", class: "chip-text", title: filter.out ? "Include it instead" : "Exclude it instead", onclick: () => change({ filters: withFilter(state().filters, { ...filter, out: !filter.out }), row: "" }) },
        inWords(filter).flatMap((part, at) => (at === 1 ? [part] : label(part))),
      ),
      h("button", { type: "button", class: "chip-remove", "aria-label": `Remove the filter: ${plain(inWords(filter).join(""))}`, title: "Remove", onclick: () => remove(filter) }, icon("close")),
    ),
  );
  if (filters.length > 1) chips.push(h("button", { type: "button", class: "plain", onclick: () => change({ filters: [], row: "" }) }, "Remove all"));
  put(byId("chips"), chips);
  byId("chips").hidden = !filters.length;
}

const remove = (filter) => change({ filters: withoutFilter(state().filters, filter), row: "" });
