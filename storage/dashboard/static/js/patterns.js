// Logs by the pattern of their message: how many of each, when, of which levels; a click shows its logs. Patterns whose
// messages are similar are together, or each fingerprint is one.

import { getJson } from "./api.js";
import { h, put } from "./dom.js";
import { LEVELS } from "./fields.js";
import { ago, compact, count, counted, duration, label, time, visible } from "./format.js";
import { text } from "./json.js";
import { noHits, nothingStored } from "./notices.js";
import { withFilter } from "./query.js";
import { filterParameters } from "./questions.js";
import { change, state } from "./state.js";
import { sparkline } from "./sparkline.js";
import { levelBadge } from "./table.js";

const LIMIT = 100;
const BUCKETS = 30;
const MAX_MESSAGE_CHARS = 400;
const MASK = "<*>";
const errorsOf = ({ levels }) => (levels.ERROR ?? 0) + (levels.CRITICAL ?? 0);
const SORTS = {
  count: ["most frequent", (a, b) => b.count - a.count],
  errors: ["most errors", (a, b) => errorsOf(b) - errorsOf(a) || b.count - a.count],
  newest: ["newest pattern", (a, b) => b.first_seen.localeCompare(a.first_seen)],
  latest: ["last seen", (a, b) => b.last_seen.localeCompare(a.last_seen)],
};

/** The view. */
export class PatternsView {
  constructor({ facets, refresh }) {
    this.facets = facets;
    this.refresh = refresh;
    this.info = h("span", { class: "note", "aria-live": "polite" });
    this.sort = h("select", { id: "pattern-sort", onchange: () => change({ sort: this.sort.value }) }, Object.entries(SORTS).map(([name, [words]]) => h("option", { value: name }, words)));
    this.group = h("input", { type: "checkbox", id: "pattern-group", onchange: () => change({ group: this.group.checked ? "similar" : "fingerprint" }) });
    this.body = h("tbody");
    this.notice = h("div", { class: "notices" });
    const heads = [["count", "Logs"], ["share", "Share"], ["trend", "Over time"], ["levels", "Level"], ["example", "Message"], ["services", "Service"], ["seen", "First, last"]];
    this.element = h(
      "div",
      { class: "patterns-view" },
      h("div", { class: "table-tools" }, this.info, h("span", { class: "grow" }), h("label", { class: "together", title: "Messages that differ in words as well, where many words take turns" }, this.group, "similar together"), h("span", { class: "together" }, h("label", { for: "pattern-sort" }, "sort by"), this.sort)),
      h("div", { class: "scroller" }, h("table", { class: "patterns" }, h("caption", { class: "unseen-text" }, "Patterns"), h("thead", {}, h("tr", {}, heads.map(([name, label]) => h("th", { scope: "col", class: `p-${name}` }, label)))), this.body), this.notice),
    );
    this.found = null;
  }

  /** Ask and show. Throws as `getJson` does. */
  async load(signal) {
    const parameters = filterParameters(state());
    parameters.set("limit", LIMIT);
    parameters.set("buckets", BUCKETS);
    if (state().group === "similar") parameters.set("cluster", "true");
    const asked = getJson("logs/patterns", parameters, { signal });
    await Promise.all([asked, this.facets.load(signal)]);
    this.found = await asked;
    this.follow();
    if (this.found.patterns.length) return;
    const { count: stored } = await getJson("logs", new URLSearchParams({ limit: 1, fields: "id" }), { signal });
    put(this.notice, stored ? noHits() : nothingStored(this.refresh));
  }

  follow() {
    this.group.checked = state().group === "similar";
    if (!this.found) return;
    const { total, patterns, truncated, bucket_ms: bucketMs } = this.found;
    const chosen = Object.hasOwn(SORTS, state().sort) ? state().sort : "count";
    this.sort.value = chosen;
    put(this.info, `${counted(patterns.length, truncated ? "most frequent pattern" : "pattern")} of ${counted(total, "log")}`);
    put(this.body, [...patterns].sort(SORTS[chosen][1]).map((pattern) => row(pattern, total, bucketMs)));
    put(this.notice);
  }
}

/** A template as nodes, what is variable in it marked. */
function marked(template) {
  const shown = template.length > MAX_MESSAGE_CHARS ? template.slice(0, MAX_MESSAGE_CHARS) : template;
  const nodes = shown.split(MASK).flatMap((part, at) => [at ? h("span", { class: "variable" }, MASK) : "", ...visible(part)]);
  if (shown.length < template.length) nodes.push(h("span", { class: "cut" }, `… ${counted(template.length - shown.length, "more character")}`));
  return nodes;
}

function row(pattern, total, bucketMs) {
  const { template, fingerprints, fingerprint_count: variants, count: logs, trend, levels, services, example } = pattern;
  const value = fingerprints.join(",");
  const message = text(example?.message ?? "");
  const worst = LEVELS.find((level) => levels[level]) ?? "INFO";
  const named = Object.entries(services).sort((a, b) => b[1] - a[1]).map(([name]) => name || "–");
  const show = () => change({ tab: "logs", filters: withFilter(state().filters, { field: "fingerprint", value, out: false }), row: "" });
  const hide = () => change({ filters: withFilter(state().filters, { field: "fingerprint", value, out: true }), row: "" });
  // A search takes so many fingerprints.
  const which = variants > fingerprints.length ? `the ${count(fingerprints.length)} most frequent of its ${count(variants)} variants` : "its logs";
  return h(
    "tr",
    { "data-fingerprint": fingerprints[0], class: `level-${worst}` },
    h("td", { class: "p-count" }, count(logs)),
    h("td", { class: "p-share" }, `${total ? (100 * logs / total).toFixed(logs / total < 0.1 ? 1 : 0) : 0} %`),
    h("td", { class: "p-trend" }, sparkline(trend, `${counted(trend.length, "interval")} of ${duration(bucketMs / 1000)}, at most ${counted(Math.max(0, ...trend), "log")} in one`)),
    h("td", { class: "p-levels" }, LEVELS.filter((level) => levels[level]).map((level) => h("span", { title: `${count(levels[level])} ${level}` }, levelBadge(level), levels[level] === logs ? null : h("small", {}, compact(levels[level]))))),
    h(
      "td",
      { class: "p-example" },
      h("button", { type: "button", class: "example", title: `Show ${which}`, onclick: show }, template ? marked(template) : "(no message)"),
      template.includes(MASK) && message ? h("div", { class: "instance" }, visible(message, MAX_MESSAGE_CHARS)) : null,
      variants > 1 ? h("small", { class: "variants" }, counted(variants, "variant")) : null,
      h("button", { type: "button", class: "plain", title: `Leave ${which} out`, onclick: hide }, "exclude"),
    ),
    h("td", { class: "p-services" }, named.slice(0, 3).flatMap((name, at) => [at ? ", " : "", ...label(name)]), named.length > 3 ? ` +${named.length - 3}` : ""),
    h("td", { class: "p-seen" }, h("time", { title: time(pattern.first_seen), datetime: pattern.first_seen }, ago(pattern.first_seen)), h("br"), h("time", { title: time(pattern.last_seen), datetime: pattern.last_seen }, ago(pattern.last_seen))),
  );
}
