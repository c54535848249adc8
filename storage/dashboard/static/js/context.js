// What the same service, host and file logged just before and after a log.

import { isAborted } from "./api.js";
import { h, put } from "./dom.js";
import { text } from "./json.js";
import { label, time, visible } from "./format.js";
import { getLogs } from "./questions.js";
import { change } from "./state.js";
import { levelBadge, levelClass } from "./table.js";

const STEPS = [10, 50, 200];
const MAX_LINE_CHARS = 600;

/** Ask for it and show it in `inside`, oldest first. */
export async function contextOf(log, inside, signal, step = 0) {
  if (!step) put(inside, h("p", { class: "hint" }, "…"));
  try {
    const parameters = new URLSearchParams({ context: STEPS[step] });
    const { context } = await getLogs(`logs/${encodeURIComponent(log.id)}`, parameters, { signal });
    const { before, after } = context;
    const isMore = step + 1 < STEPS.length && Math.max(before.length, after.length) === STEPS[step];
    const where = [log.service, log.source?.host, log.source?.file].filter(Boolean).join(" · ");
    put(
      inside,
      h("p", { class: "hint" }, `${before.length} before and ${after.length} after, of `, label(where), "; oldest first."),
      isMore && h("button", { type: "button", class: "tool", onclick: () => contextOf(log, inside, signal, step + 1) }, `Show ${STEPS[step + 1]} each`),
      h("ol", { class: "context" }, before.map((one) => line(one)), line(log, true), after.map((one) => line(one))),
    );
    inside.querySelector("[aria-current]").scrollIntoView({ block: "center" });
  } catch (error) {
    if (!isAborted(error)) put(inside, h("p", { class: "problem" }, error.message));
  }
}

function line(log, isHere = false) {
  const inside = [h("time", { datetime: log.timestamp, title: log.timestamp }, time(log.timestamp)), levelBadge(log.level), h("span", { class: "context-message" }, visible(text(log.message), MAX_LINE_CHARS))];
  if (isHere) return h("li", { class: `${levelClass(log.level)} here`, "aria-current": "true" }, inside);
  return h("li", { class: levelClass(log.level) }, h("button", { type: "button", onclick: () => change({ row: log.id }) }, inside));
}
