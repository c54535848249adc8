// The chart of logs a second: read, accepted, and those of level ERROR and above.

import { card, keyOf } from "./cards.js";
import { Lines, tipRows } from "./chart.js";
import { put } from "./dom.js";
import { compact, decimal, time } from "./format.js";

const CHART_PX = 190;
// Requests take turns with seconds: the number of each second by itself would be a saw.
const MEAN_OF = 5;
const LINES = [
  ["records", "read", "--series-2", [5, 4]],
  ["accepted", "accepted", "--series-1", undefined],
  ["errors", "errors read", "--level-error", undefined],
];

/** Each number's mean with those before it, so many in all. */
function means(numbers) {
  let sum = 0;
  return numbers.map((number, at) => {
    sum += number - (at >= MEAN_OF ? numbers[at - MEAN_OF] : 0);
    return sum / Math.min(at + 1, MEAN_OF);
  });
}

/** The card with the chart. */
export class RateChart {
  constructor() {
    Object.assign(this, card("Logs a second", "wide chart"));
    this.chart = new Lines(this.body, { height: CHART_PX, values: (at) => (Number.isInteger(at) ? compact(at) : "") });
    put(this.note, keyOf(LINES.map(([, name, tone]) => [tone, name])), `means of ${MEAN_OF} s`);
  }

  /** Show the seconds of a history, the last of which has just ended. */
  show(history) {
    const size = history.records.length;
    if (!size) return;
    const now = Date.now() / 1000;
    const times = history.records.map((_, at) => now - (size - at) * history.step_s);
    const lines = LINES.map(([field, name, colour, dash]) => ({ name, colour, dash, values: means(history[field]) }));
    const tip = (at) => tipRows(time(times[at] * 1000, { ms: false }), lines.map(({ name, colour, values }) => [colour, name, decimal(values[at])]));
    this.chart.show({ times, lines, tip });
  }
}
