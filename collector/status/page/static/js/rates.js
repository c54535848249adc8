// The chart of logs a second: read, accepted, and those of level ERROR and above.

import { card, keyOf } from "./cards.js";
import { Lines, tipRows } from "./chart.js";
import { put } from "./dom.js";
import { compact, count, time } from "./format.js";

const CHART_PX = 190;
const LINES = [
  ["records", "read", "--series-2", [5, 4]],
  ["accepted", "accepted", "--series-1", undefined],
  ["errors", "errors read", "--level-error", undefined],
];

/** The card with the chart. */
export class RateChart {
  constructor() {
    Object.assign(this, card("Logs a second", "wide chart"));
    this.chart = new Lines(this.body, { height: CHART_PX, values: (at) => (Number.isInteger(at) ? compact(at) : "") });
    put(this.note, keyOf(LINES.map(([, name, tone]) => [tone, name])));
  }

  /** Show the seconds of a history, the last of which has just ended. */
  show(history) {
    const size = history.records.length;
    if (!size) return;
    const now = Date.now() / 1000;
    const times = history.records.map((_, at) => now - (size - at) * history.step_s);
    const lines = LINES.map(([field, name, colour, dash]) => ({ name, colour, dash, values: history[field] }));
    const tip = (at) => tipRows(time(times[at] * 1000, { ms: false }), lines.map(({ name, colour, values }) => [colour, name, count(values[at])]));
    this.chart.show({ times, lines, tip });
  }
}
