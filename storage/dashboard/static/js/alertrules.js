// The detectors and how they are doing, the webhook, and the silences that hold.

import { deleteJson } from "./api.js";
import { h, put, toast } from "./dom.js";
import { ago, count, counted, duration, label, time, visible } from "./format.js";

/** Every detector: its condition, when it was evaluated, and what went wrong. */
export class RulesCard {
  constructor() {
    this.note = h("span", { class: "note" });
    this.body = h("div", { class: "card-body" });
    this.element = h("section", { class: "card", "aria-label": "Detectors" }, h("h2", {}, "Detectors", this.note), this.body);
  }

  show({ rules, webhook, unjudged, left_out: leftOut }) {
    const told = webhook.enabled ? `webhook: ${count(webhook.delivered)} delivered${webhook.waiting ? `, ${count(webhook.waiting)} waiting` : ""}${webhook.given_up ? `, ${count(webhook.given_up)} given up` : ""}${webhook.last_error ? ` (${webhook.last_error})` : ""}` : "no webhook";
    put(this.note, [told, unjudged && `${counted(unjudged, "span")} of time not judged`, leftOut && `${counted(leftOut, "group")} left out`].filter(Boolean).join(" · "));
    const heads = ["Name", "Condition", "Evaluated", "Open"];
    put(this.body, h("table", { class: "plain-table rules" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rules.map(ruleRow))));
  }
}

function ruleRow(rule) {
  const when = rule.evaluated_at ? `${ago(rule.evaluated_at)}, in ${duration(rule.duration_s)}` : rule.evaluated_until ? ago(rule.evaluated_until) : "not yet";
  return h(
    "tr",
    { "data-rule": rule.name },
    h("th", { scope: "row" }, rule.name.replaceAll("_", " "), h("small", {}, ` ${rule.severity}`)),
    h("td", {}, rule.limit, rule.group_by.length > 0 && ` by ${rule.group_by.join(", ")}`, rule.q && [h("br"), h("code", { class: "rule-search" }, visible(rule.q, 120))]),
    h("td", {}, when, rule.last_error && h("p", { class: "problem" }, visible(rule.last_error, 300)), rule.behind && !rule.last_error && h("small", { class: "rule-behind", title: "after a start, or while logs are late; or it has more to look at" }, " waits"), rule.truncated && h("p", { class: "problem" }, "there was more than it may look at")),
    h("td", {}, rule.open ? count(rule.open) : "–"),
  );
}

/** The silences that are not over. */
export class SilencesCard {
  constructor(changed) {
    this.changed = changed;
    this.drawn = "";
    this.body = h("div", { class: "card-body" });
    this.element = h("section", { class: "card", "aria-label": "Silences", hidden: true }, h("h2", {}, "Silences"), this.body);
  }

  show(silences) {
    this.element.hidden = !silences.length;
    const drawn = JSON.stringify(silences);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const heads = ["For", "Until", "Who and why", "What to do"];
    put(this.body, h("table", { class: "plain-table silences" }, h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, silences.map((one) => this.row(one)))));
  }

  row({ id, rule, group, until, by, comment }) {
    const pairs = Object.entries(group).flatMap(([name, value]) => [", ", `${name} `, h("b", {}, label(value))]);
    return h(
      "tr",
      { "data-silence": id },
      h("td", {}, rule ? rule.replaceAll("_", " ") : "any rule", pairs),
      h("td", {}, h("time", { datetime: until }, time(until, { ms: false }))),
      h("td", {}, visible([by, comment].filter(Boolean).join(": ") || "–", 400)),
      h("td", {}, h("button", { type: "button", class: "tool", "aria-label": `End the silence for ${rule || "any rule"}`, onclick: () => this.end(id) }, "End")),
    );
  }

  async end(id) {
    try {
      await deleteJson(`alerts/silences/${encodeURIComponent(id)}`);
      toast("the silence is over");
    } catch (error) {
      toast(error.message, "error");
    }
    this.changed();
  }
}
