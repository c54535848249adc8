// What stands where results would be when there are none: why, and what to do next.

import { address } from "./api.js";
import { h, icon } from "./dom.js";
import { change, state } from "./state.js";
import { ALL, rangeText, wider, widerUsual } from "./ranges.js";

const notice = (kind, title, ...inside) => h("div", { class: `notice ${kind}`, role: kind === "error" ? "alert" : "status" }, h("h2", {}, title), inside);

const action = (label, onclick) => h("button", { type: "button", class: "primary", onclick }, label);

/** What is missing, and a command that brings the first of it. The producer is taken to be on this host, at its usual port. */
function firstOne(title, words, commandOf, refresh) {
  const command = commandOf(`http://${address("").hostname}:5000`);
  return notice(
    "empty",
    title,
    h("p", {}, words),
    h("pre", { class: "command", tabindex: "0" }, command),
    h("div", { class: "actions" }, h("button", { type: "button", class: "tool", onclick: () => navigator.clipboard.writeText(command) }, icon("copy"), "Copy"), action("Look again", refresh)),
  );
}

/** Storage holds nothing yet: how to send the first log. */
export const nothingStored = (refresh) =>
  firstOne("No logs yet", "Send the first one to the producer:", (producer) => `curl -X POST ${producer}/logs -H 'Content-Type: application/json' \\\n  -d '{"level": "ERROR", "message": "Payment failed", "service": "payment", "metadata": {"user_id": 123}}'`, refresh);

/** Storage holds no test results yet: how to send the first file. */
export const noResults = (refresh) =>
  firstOne("No test results yet", "Send a file of them to the producer: Test: and Result: lines, JUnit XML, or pytest's report log.", (producer) => `curl -X POST ${producer}/files -F file=@junit.xml`, refresh);

/** There are logs, but none that passes. */
export function noHits() {
  const { q, filters } = state();
  // A step may still find nothing; all time is as near.
  const usual = widerUsual(state());
  const ranges = wider(state()) ? [...(usual && usual !== ALL ? [usual] : []), ALL] : [];
  return notice(
    "empty",
    "Nothing found",
    h("p", {}, `No log passes in “${rangeText(state())}”.`),
    h(
      "div",
      { class: "actions" },
      ranges.map((range, at) => h("button", { type: "button", class: at ? "" : "primary", onclick: () => change(range) }, `Look in “${rangeText(range)}”`)),
      filters.length > 0 && h("button", { type: "button", onclick: () => change({ filters: [] }) }, "Remove the filters"),
      q && h("button", { type: "button", onclick: () => change({ q: "" }) }, "Clear the search text"),
    ),
  );
}

/** A question was not answered. */
export function failed(error, refresh) {
  const advice = {
    unreachable: "Storage does not answer. Is it running? `logmill up` or `docker compose ps` say so; this page goes on where it was once it is back.",
    timeout: "Narrow the time range or the search, or give it more time (LOGMILL_QUERY_TIMEOUT_S).",
    query_timeout: "Narrow the time range or the search, or give it more time (LOGMILL_QUERY_TIMEOUT_S).",
    unauthorized: "The server asks for an API key.",
    untrusted_host: "Open the page by a name that storage trusts, as http://localhost:5002/, or add this one to LOGMILL_TRUSTED_HOSTS.",
  }[error.code];
  return notice(
    "error",
    error.status === 400 ? "This cannot be searched for" : "No answer",
    h("p", {}, error.message),
    advice && h("p", { class: "hint" }, advice),
    h("div", { class: "actions" }, action("Try again", refresh)),
  );
}

/** The search text says where it cannot be read; this stands where there were no results before either. */
export const unreadable = (help) => notice("empty", "The search text cannot be read", h("p", {}, "The place is marked in the search bar."), h("div", { class: "actions" }, action("What can be searched for", help)));

/** The endpoint is not there: an older storage, or a part that is switched off. */
export const missing = (what) => notice("empty", `${what} not offered`, h("p", {}, `This storage does not answer questions about ${what.toLowerCase()}. It may be older than this page.`));
