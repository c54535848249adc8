// How many logs there are over time, coloured by level or another field; a range drawn in it becomes the time range.

import { ApiError, getJson } from "./api.js";
import { Bars, tipRows } from "./chart.js";
import { h, iconButton, put } from "./dom.js";
import { COUNTABLE, LEVELS, searched } from "./fields.js";
import { compact, count, counted, duration, label, plain, time } from "./format.js";
import { hasFilter, withFilter, withoutFilter } from "./query.js";
import { filterParameters } from "./questions.js";
import { change, state } from "./state.js";
import { ALL, wider } from "./ranges.js";

const BUCKETS = 120;
const MAX_STACKS = 8;
const HEIGHT_PX = 132;

/** Colour variables of values: levels have their own, others in turn, so that neighbours differ. */
export const toneOf = (by, name, at) => (by === "level" && LEVELS.includes(name) ? `--level-${name.toLowerCase()}` : `--series-${(at % MAX_STACKS) + 1}`);

/** The histogram in an element of its own. */
export class Histogram {
  constructor() {
    this.total = h("strong", { class: "total" });
    this.note = h("span", { class: "note" });
    this.by = h(
      "select",
      { id: "histogram-by", onchange: () => change({ by: this.by.value }) },
      COUNTABLE.map((name) => h("option", { value: name }, name)),
    );
    this.legend = h("div", { class: "legend", role: "group", "aria-label": "Legend" });
    this.out = iconButton("zoomout", "Wider time range", zoomOut);
    this.picture = h("div", { class: "picture", role: "img", "aria-label": "Histogram" });
    this.element = h(
      "section",
      { class: "histogram", "aria-label": "Logs over time" },
      h("div", { class: "histogram-head" }, this.total, this.note, this.legend, h("span", { class: "grow" }), h("label", { for: "histogram-by" }, "by"), this.by, this.out),
      this.picture,
    );
    this.bars = new Bars(this.picture, { height: HEIGHT_PX, values: (at) => (Number.isInteger(at) ? compact(at) : ""), onZoom: zoomTo });
  }

  /** Ask and show; `extra` are more search texts. Throws as `getJson` does. */
  async load(signal, extra = []) {
    const { by } = state();
    const parameters = filterParameters(state());
    for (const text of extra) parameters.append("q", text);
    parameters.set("by", by);
    parameters.set("buckets", BUCKETS);
    const found = await getJson("logs/histogram", parameters, { signal });
    if (found.status !== "success") throw new ApiError(0, found);
    if (![...this.by.options].some((option) => option.value === by)) this.by.append(h("option", { value: by }, by));
    this.by.value = by;
    this.show(found, by);
    return found.total;
  }

  show({ buckets: answered, total, bucket_ms: widthMs, until }, by) {
    const buckets = answered.map((one) => ({ ...one, values: Object.fromEntries(Object.entries(one.values).map(([name, logs]) => [searched(by, name), logs])) }));
    put(this.total, counted(total, "log"));
    put(this.note, widthMs ? `${duration(widthMs / 1000)} a bar` : "");
    this.out.disabled = wider(state()) === null;
    if (!buckets.length) {
      put(this.legend);
      this.bars.clear();
      return;
    }
    const names = stackNames(buckets, by);
    const kept = new Set(names);
    const stacks = names.map((name, at) => ({ name, colour: toneOf(by, name, at), values: buckets.map((one) => one.values[name] ?? 0) }));
    const rest = buckets.map(({ values }) => Object.entries(values).reduce((sum, [name, logs]) => (kept.has(name) ? sum : sum + logs), 0));
    if (rest.some(Boolean)) stacks.push({ name: null, colour: "--series-rest", values: rest });
    const starts = buckets.map(({ start }) => Date.parse(start) / 1000);
    const tip = (at) =>
      tipRows(
        `${time(starts[at] * 1000, { ms: widthMs < 1000 })} · ${count(buckets[at].count)}`,
        stacks.filter(({ values }) => values[at]).reverse().map(({ name, colour, values }) => [colour, label(named(name, by)), count(values[at])]),
      );
    this.bars.show({ starts, width: widthMs / 1000, end: Date.parse(until) / 1000, stacks, tip });
    const sums = stacks.map(({ values }) => values.reduce((sum, one) => sum + one, 0));
    put(this.legend, stacks.map(({ name, colour }, at) => legendItem(by, name, colour, sums[at])));
    const worst = by === "level" ? sums.reduce((sum, one, at) => (["ERROR", "CRITICAL"].includes(names[at]) ? sum + one : sum), 0) : null;
    this.picture.setAttribute("aria-label", `Histogram by ${by}: ${counted(total, "log")} in ${counted(buckets.length, "bar")}${worst === null ? "" : `, ${count(worst)} of them ${worst === 1 ? "an error" : "errors"}`}`);
  }
}

function stackNames(buckets, by) {
  const sums = new Map();
  for (const { values } of buckets) for (const [name, logs] of Object.entries(values)) sums.set(name, (sums.get(name) ?? 0) + logs);
  // Errors lie at the bottom, where their height can be compared.
  if (by === "level") return LEVELS.filter((name) => sums.has(name));
  return [...sums].sort((a, b) => b[1] - a[1]).slice(0, MAX_STACKS).map(([name]) => name);
}

const named = (name, by) => (name === null ? "others" : name === "" ? `no ${by}` : name);

function legendItem(by, name, tone, logs) {
  const inside = [h("i", { class: "swatch", vars: { "--tone": `var(${tone})` } }), h("span", {}, label(named(name, by))), h("b", {}, compact(logs))];
  if (name === null) return h("span", { class: "legend-item" }, inside);
  const { filters } = state();
  const isOn = hasFilter(filters, by, name);
  const filter = { field: by, value: name, out: false };
  const press = () => change({ filters: isOn ? withoutFilter(state().filters, filter) : withFilter(state().filters, filter), row: "" });
  return h("button", { type: "button", class: "legend-item", "aria-pressed": String(isOn), title: `${isOn ? "No longer only" : "Only"} ${plain(named(name, by))}`, onclick: press }, inside);
}

function zoomTo(fromMs, toMs) {
  const since = new Date(Math.floor(fromMs)).toISOString();
  const until = new Date(Math.max(Math.ceil(toMs), Math.floor(fromMs) + 1)).toISOString();
  change({ since, until, row: "" });
}

let zooming = new AbortController();

/** Widen the time range; to all time where the wider one holds everything there is. */
async function zoomOut() {
  zooming.abort();
  zooming = new AbortController();
  const { signal } = zooming;
  const before = state();
  const range = wider(before);
  if (!range) return;
  const holdsAll = await Promise.all([isEmpty({ until: range.since }, signal), !range.until || isEmpty({ since: range.until, until: "now" }, signal)]);
  // Another range may have been chosen meanwhile.
  if (signal.aborted || state().since !== before.since || state().until !== before.until) return;
  change({ ...(holdsAll.every(Boolean) ? ALL : range), row: "" });
}

/** Whether there is no log at all in a time; false where that is not answered. */
async function isEmpty(span, signal) {
  if (span.until === "all") return true;
  try {
    return (await getJson("logs", new URLSearchParams({ limit: 1, fields: "id", ...span }), { signal })).count === 0;
  } catch {
    return false;
  }
}
