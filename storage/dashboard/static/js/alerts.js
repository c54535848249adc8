// Alerts: what is wrong now and was before, whom it is about, its logs; to take, to silence; and the rules behind them.

import { getJson, postJson } from "./api.js";
import { RulesCard, SilencesCard } from "./alertrules.js";
import { ask } from "./dialog.js";
import { h, put, toast } from "./dom.js";
import { ago, counted, duration, label, time, visible } from "./format.js";
import { Polling } from "./polling.js";
import { sparkline } from "./sparkline.js";
import { change, state } from "./state.js";

const LIMIT = 100;
const SHOWN = { open: "all that are open", firing: "firing", acknowledged: "acknowledged", silenced: "silenced", resolved: "resolved", all: "all" };
const ORDER = { firing: 0, acknowledged: 1, silenced: 2, resolved: 3 };
const SPANS = [["30m", "30 minutes"], ["2h", "2 hours"], ["8h", "8 hours"], ["1d", "a day"], ["1w", "a week"]];

/** The view; it asks every few seconds while it is shown. */
export class AlertsView {
  constructor({ fail, counted: tell }) {
    this.tell = tell;
    this.polling = new Polling({ ask: (signal) => this.ask(signal), failing: (sentence) => this.failing(sentence), fail });
    this.isKnown = false;
    this.drawn = "";
    this.warning = h("div", { class: "pipeline-warning", role: "status" });
    this.info = h("span", { class: "note", "aria-live": "polite" });
    this.choice = h("select", { id: "alerts-shown", onchange: () => change({ alerts: this.choice.value }) }, Object.entries(SHOWN).map(([name, words]) => h("option", { value: name }, words)));
    this.body = h("div", { class: "card-body" });
    this.rules = new RulesCard();
    this.silences = new SilencesCard(() => this.polling.again(0));
    const tools = h("div", { class: "table-tools" }, this.info, h("span", { class: "grow" }), h("label", { for: "alerts-shown" }, "show"), this.choice);
    this.element = h("div", { class: "alerts-view scroller" }, this.warning, h("section", { class: "card", "aria-label": "Alerts" }, h("h2", {}, "Alerts"), tools, this.body), this.silences.element, this.rules.element);
  }

  /** Ask and show, then again every few seconds. Problems that asking again cannot mend are thrown. */
  async load(signal) {
    await this.polling.start(signal);
  }

  async ask(signal) {
    const wanted = this.wanted();
    const parameters = new URLSearchParams({ limit: LIMIT });
    if (wanted !== "all") parameters.set("state", wanted);
    const [found, rules, silences] = await Promise.all([getJson("alerts", parameters, { signal }), getJson("alerts/rules", null, { signal }), getJson("alerts/silences", null, { signal })]);
    this.show(found, rules, silences);
    put(this.warning);
  }

  failing(sentence) {
    put(this.warning, h("p", { class: "problem" }, sentence(this.isKnown ? "this is what was known last" : "nothing is known yet")));
  }

  stop() {
    this.polling.stop();
  }

  wanted() {
    return Object.hasOwn(SHOWN, state().alerts) ? state().alerts : "open";
  }

  show(found, rules, silences) {
    this.isKnown = true;
    this.choice.value = this.wanted();
    this.tell(found.counts.firing);
    const { counts } = found;
    put(this.info, ["firing", "acknowledged", "silenced", "resolved"].filter((name) => counts[name]).map((name) => `${counts[name]} ${name}`).join(", "), found.truncated && ` · the newest ${LIMIT} are shown`);
    this.silences.show(silences.silences);
    this.rules.show(rules);
    // What it says of how long ago something was is as old as a minute at most.
    const drawn = JSON.stringify([found.alerts, Math.floor(Date.now() / 60_000)]);
    if (drawn === this.drawn && this.body.hasChildNodes()) return;
    this.drawn = drawn;
    const sorted = [...found.alerts].sort((a, b) => ORDER[a.state] - ORDER[b.state]);
    const focused = this.body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    put(this.body, sorted.length ? table(sorted.map((alert) => this.row(alert))) : this.nothing(rules.rules));
    // Whoever works with the keyboard stays where they were.
    if (focused) [...this.body.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === focused)?.focus();
  }

  nothing(rules) {
    const failing = rules.filter((rule) => rule.last_error).length;
    const watching = `${counted(rules.length, "detector")} ${rules.length === 1 ? "watches" : "watch"} the logs${failing ? `, of which ${failing} cannot be evaluated: see below` : ""}.`;
    const wanted = this.wanted();
    return h("div", { class: "notice empty", role: "status" }, h("h2", {}, wanted === "all" ? "No alerts yet" : wanted === "open" ? "Nothing is wrong" : `No alert is ${SHOWN[wanted]}`), h("p", {}, rules.length ? watching : "No detector is in force."), wanted !== "all" && h("div", { class: "actions" }, h("button", { type: "button", onclick: () => change({ alerts: "all" }) }, "Show all, also the resolved")));
  }

  row(alert) {
    const { id, rule, severity, summary, group, trend, fired_at: fired } = alert;
    const is = alert.state;
    const button = (name, onclick) => h("button", { type: "button", class: "tool", "aria-label": `${name}: ${rule} ${Object.values(group).join(" ")}`, onclick }, name);
    return h(
      "tr",
      { "data-alert": id, class: `severity-${severity}` },
      h("td", { class: "a-state" }, h("span", { class: `alert-state is-${is}` }, is), h("small", {}, severity)),
      h("td", { class: "a-what" }, h("button", { type: "button", class: "alert-name", title: "Show all of it", onclick: () => this.look(id) }, rule.replaceAll("_", " ")), h("span", { class: "alert-group" }, groupText(group)), h("p", {}, visible(summary, 400))),
      h("td", { class: "a-since" }, h("time", { datetime: alert.since, title: `raised ${time(fired)}` }, time(alert.since, { ms: false })), h("br"), h("small", {}, lasted(alert))),
      h("td", { class: "a-trend" }, trend.length ? sparkline(trend, `${counted(trend.length, "interval")} around its begin, at most ${counted(Math.max(0, ...trend), "log")} in one`) : null),
      h("td", { class: "a-actions" }, button("Logs", () => logsOf(alert)), is === "firing" && button("Acknowledge", () => this.acknowledge(alert)), is !== "resolved" && is !== "silenced" && button("Silence", () => this.silence(alert))),
    );
  }

  async look(id) {
    try {
      const { alert, history } = await getJson(`alerts/${encodeURIComponent(id)}`, null, {});
      const facts = { rule: alert.rule, state: alert.state, severity: alert.severity, group: groupText(alert.group), "what it means": alert.description, found: alert.summary, limit: alert.limit, since: time(alert.since), until: time(alert.until), raised: time(alert.fired_at), labels: groupText(alert.labels), search: alert.query.q };
      const rows = Object.entries(facts).filter(([, value]) => value?.length).map(([name, value]) => [h("dt", {}, name), h("dd", {}, typeof value === "string" ? visible(value) : value)]);
      const changes = history.map(({ state: to, at, by, comment }) => h("li", {}, h("time", { datetime: at }, time(at, { ms: false })), " ", h("b", {}, to), by && ` by ${by}`, comment && [": ", ...visible(comment)]));
      if (await ask("Alert", [h("dl", { class: "facts" }, rows), h("h3", {}, "Changes"), h("ol", { class: "changes" }, changes)], "Show its logs")) logsOf(alert);
    } catch (error) {
      toast(error.message, "error");
    }
  }

  async acknowledge(alert) {
    const [by, comment] = [field("Who looks after it", "by"), field("Comment", "comment")];
    if (!(await ask("Acknowledge", [h("p", {}, alert.summary), by.element, comment.element], "Acknowledge"))) return;
    await this.act(() => postJson(`alerts/${encodeURIComponent(alert.id)}/acknowledge`, { by: by.value(), comment: comment.value() }), "acknowledged");
  }

  async silence(alert) {
    const span = h("select", { id: "silence-span" }, SPANS.map(([value, words]) => h("option", { value, selected: value === "2h" }, words)));
    const every = h("input", { type: "checkbox", id: "silence-all" });
    const [by, comment] = [field("Who silences it", "by"), field("Why", "comment")];
    const inside = [h("p", {}, "Nobody is told of it for a while; it goes on being watched."), h("p", {}, h("label", { for: "silence-span" }, "For "), span), by.element, comment.element, h("p", {}, h("label", {}, every, " all alerts of this rule, not this group only"))];
    if (!(await ask("Silence", inside, "Silence"))) return;
    const body = { rule: alert.rule, group: every.checked ? {} : alert.group, until: `now+${span.value}`, by: by.value(), comment: comment.value() };
    await this.act(() => postJson("alerts/silences", body), "silenced");
  }

  async act(does, words) {
    try {
      await does();
      toast(words);
    } catch (error) {
      toast(error.message, "error");
    }
    this.polling.again(0);
  }
}

function table(rows) {
  const heads = ["State", "What", "Since", "Logs", "What to do"];
  return h("table", { class: "plain-table alerts" }, h("caption", { class: "unseen-text" }, "Alerts"), h("thead", {}, h("tr", {}, heads.map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows));
}

/** Values of a group, as nodes. */
export function groupText(group) {
  return Object.entries(group).flatMap(([name, value], at) => [at ? ", " : "", `${name} `, h("b", {}, label(value))]);
}

function lasted({ since, until, state: is }) {
  const seconds = (new Date(until) - new Date(since)) / 1000;
  return is === "resolved" ? `for ${duration(Math.max(1, seconds))}` : ago(since);
}

function logsOf({ query: { q, since, until } }) {
  change({ tab: "logs", q, since, until, filters: [], row: "" });
}

function field(words, name) {
  const input = h("input", { type: "text", id: `alert-${name}`, maxlength: 200, autocomplete: "off" });
  return { element: h("p", {}, h("label", { for: input.id }, words), input), value: () => input.value.trim() };
}
