// The time range, relative or from and to; when the page is fresh, and how often it is made so by itself.

import { h, icon, put } from "./dom.js";
import { fieldTime, setZone, timeField, zone } from "./format.js";
import { attach } from "./popover.js";
import { RANGES, rangeText, spanMs } from "./ranges.js";
import { change, state } from "./state.js";

const EVERY_S = [[0, "Off"], [2, "2 s"], [5, "5 s"], [10, "10 s"], [30, "30 s"], [60, "1 m"], [300, "5 m"]];

/** The picker in `element`; `refresh` asks for everything anew, `auto` does so by itself. */
export function timePicker(element, { refresh, auto }) {
  const label = h("span", { class: "range" });
  const button = h("button", { type: "button", class: "time-button", title: "Time range" }, icon("clock"), label);
  const from = h("input", { type: "datetime-local", id: "time-from" });
  const to = h("input", { type: "datetime-local", id: "time-to" });
  // The moment a field was given and what it shows of it: one that nobody edited is still exactly that moment.
  const given = new Map();
  const give = (field, moment) => {
    const shown = moment ? timeField(moment) : "";
    // Milliseconds are shown, and can be edited, where there are any.
    field.step = shown.includes(".") ? 0.001 : 1;
    field.value = shown;
    given.set(field, { moment, shown: field.value });
  };
  const momentOf = (field) => (given.get(field)?.shown === field.value ? given.get(field).moment : fieldTime(field.value));
  const relative = h("input", { type: "text", id: "time-relative", size: 6, placeholder: "45m", pattern: "\\d{1,6}[smhdw]", title: "a number and s, m, h, d or w" });
  const problem = h("p", { class: "problem", role: "alert" });
  const zones = h("select", { id: "time-zone", onchange: () => turn(zones.value) }, h("option", { value: "local" }, "Local time"), h("option", { value: "utc" }, "UTC"));
  const set = (since, until = "") => {
    close();
    if (state().since === since && state().until === until) refresh();
    else change({ since, until, row: "" });
  };
  /** Show times in another zone; the range stays what it is. */
  const turn = (name) => {
    const moments = [from, to].map((field) => [field, momentOf(field)]);
    setZone(name);
    for (const [field, moment] of moments) give(field, moment);
    follow();
    refresh();
  };
  const apply = (event) => {
    event.preventDefault();
    const [since, until] = [momentOf(from), momentOf(to)];
    if (since && until && Date.parse(since) >= Date.parse(until)) put(problem, "“From” must be before “to”.");
    else set(since || "all", until);
  };
  const panel = h(
    "div",
    { role: "dialog", "aria-label": "Time range", class: "time-panel" },
    h("div", { class: "ranges" }, RANGES.map(([range, name]) => h("button", { type: "button", "data-range": range, onclick: () => set(range) }, name))),
    h(
      "form",
      { onsubmit: apply, class: "absolute" },
      h("label", { for: "time-from" }, "From"), from,
      h("label", { for: "time-to" }, "To"), to,
      h("label", { for: "time-zone" }, "Shown in"), zones,
      problem,
      h("button", { type: "submit", class: "primary" }, "Apply"),
    ),
    h(
      "form",
      { class: "relative", onsubmit: (event) => (event.preventDefault(), relative.value && set(relative.value)) },
      h("label", { for: "time-relative" }, "Last"), relative, h("button", { type: "submit" }, "Set"),
    ),
  );
  const close = attach(button, panel, {
    align: "right",
    onOpen: () => {
      const { since, until } = state();
      put(problem);
      zones.value = zone();
      const second = (ms) => new Date(Math.floor(ms / 1000) * 1000).toISOString();
      const moment = (said, else_) => (Number.isNaN(Date.parse(said)) ? second(else_) : said);
      give(from, since === "all" ? "" : moment(since, Date.now() - (spanMs(since) || 0)));
      give(to, moment(until, Date.now()));
      for (const one of panel.querySelectorAll("[data-range]")) one.setAttribute("aria-pressed", String(one.dataset.range === since && !until));
    },
  });
  const every = h(
    "select",
    { id: "every", "aria-label": "Refresh by itself every", title: "Refresh by itself", onchange: () => change({ every: Number(every.value) }, { replace: true }) },
    EVERY_S.map(([seconds, name]) => h("option", { value: seconds }, name)),
  );
  const again = h("button", { type: "button", class: "refresh", "aria-label": "Refresh", title: "Refresh (r)", onclick: refresh }, icon("refresh"));
  put(element, h("div", { class: "time" }, button, panel, h("span", { class: "split" }, again, every)));

  let timer = 0;
  const follow = () => {
    put(label, rangeText(state()), zone() === "utc" && h("small", {}, " UTC"));
    const { every: seconds } = state();
    if (![...every.options].some((option) => Number(option.value) === seconds)) every.append(h("option", { value: seconds }, `${seconds} s`));
    every.value = String(seconds);
    clearInterval(timer);
    // Nobody looks at a page in the background; its questions would only cost.
    if (seconds) timer = setInterval(() => document.hidden || auto(), seconds * 1000);
  };
  follow();
  return { follow, busy: (is) => again.classList.toggle("busy", is) };
}
