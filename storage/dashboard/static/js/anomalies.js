// Logs that stand out: how many for each reason, and the logs.

import { h, put } from "./dom.js";
import { compact, counted } from "./format.js";
import { LogsView } from "./logs.js";
import { hasFilter, withFilter, withoutFilter } from "./query.js";
import { change, state } from "./state.js";

const FIELD = "anomaly_reasons";

/** The view; its parts are those of the logs. */
export const anomaliesView = (parts) => new LogsView({ ...parts, path: "logs/anomalies", extra: ["anomaly:true"], label: "Anomalies", also: [FIELD], found: reasons });

function reasons({ by_reason: found }, head) {
  const sorted = Object.entries(found).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...sorted.map(([, logs]) => logs));
  const cards = sorted.map(([reason, logs]) => {
    const isOn = hasFilter(state().filters, FIELD, reason);
    const filter = { field: FIELD, value: reason, out: false };
    const press = () => change({ filters: isOn ? withoutFilter(state().filters, filter) : withFilter(state().filters, filter), row: "" });
    return h(
      "button",
      { type: "button", class: "reason", "aria-pressed": String(isOn), "data-reason": reason, title: `${counted(logs, "log")}; a click shows only ${logs === 1 ? "this" : "these"}`, vars: { "--share": `${(100 * logs) / most}%` }, onclick: press },
      h("span", {}, reason.replaceAll("_", " ")),
      h("b", {}, compact(logs)),
    );
  });
  put(head, h("div", { class: "reasons", role: "group", "aria-label": "Reasons" }, cards));
}
