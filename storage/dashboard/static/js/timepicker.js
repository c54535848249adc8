// The time range, relative or from and to; when the page is fresh, and how often it is made so by itself.

import { h, icon, put } from "./dom.js";
import { fieldTime, setZone, time, timeField, zone } from "./format.js";
import { attach } from "./popover.js";
import { change, state } from "./state.js";

const RANGES = [["5m", "Last 5 minutes"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["6h", "Last 6 hours"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["all", "All time"]];
const EVERY_S = [[0, "Off"], [2, "2 s"], [5, "5 s"], [10, "10 s"], [30, "30 s"], [60, "1 m"], [300, "5 m"]];
const UNITS = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks" };
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const RELATIVE = /^\d{1,6}[smhdw]$/;

/** The next wider of the usual ranges, null where there is none. */
export function wider({ since, until }) {
  if (until || !RELATIVE.test(since)) return since === "all" ? null : "all";
  const at = RANGES.findIndex(([range]) => range === since);
  return RANGES[at < 0 ? RANGES.length - 1 : Math.min(at + 1, RANGES.length - 1)][0];
}

/** The range in words. */
export function rangeText({ since, until }) {
  if (!until || until === "now") {
    const usual = RANGES.find(([range]) => range === since);
    if (usual) return usual[1];
    if (RELATIVE.test(since)) return `Last ${Number.parseInt(since, 10)} ${UNITS[since.at(-1)]}`;
  }
  const shown = (moment, none) => (moment && moment !== "all" ? (Number.isNaN(Date.parse(moment)) ? moment : time(moment, { ms: false })) : none);
  return `${shown(since, "the beginning")} – ${shown(until, "now")}`;
}

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
      give(from, since === "all" ? "" : moment(since, Date.now() - (RELATIVE.test(since) ? Number.parseInt(since, 10) * SECONDS[since.at(-1)] * 1000 : 0)));
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
