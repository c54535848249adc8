// Time ranges {since, until} as the server takes them: the usual ones, any of them in words, and the next wider one.

import { time } from "./format.js";

/** The usual ones with their names; all that is stored comes last. */
export const RANGES = [["5m", "Last 5 minutes"], ["15m", "Last 15 minutes"], ["1h", "Last hour"], ["6h", "Last 6 hours"], ["24h", "Last 24 hours"], ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["all", "All time"]];

/** All that is stored, also what is dated later than now. */
export const ALL = { since: "all", until: "" };

const UNITS = { s: "seconds", m: "minutes", h: "hours", d: "days", w: "weeks" };
const SECONDS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };
const RELATIVE = /^\d{1,6}[smhdw]$/;

/** Milliseconds of a relative time as 45m, NaN where it is none. */
export const spanMs = (text) => (RELATIVE.test(text) ? Number.parseInt(text, 10) * SECONDS[text.at(-1)] * 1000 : Number.NaN);

const endsNow = ({ until }) => !until || until === "now";
const hasStart = ({ since }) => Boolean(since) && since !== "all";

/** Whether it is one that goes with the clock, as the last hour does. */
export const isRelative = (range) => endsNow(range) && RELATIVE.test(range.since);

/** The next wider of the usual ranges, beyond them twice the time; null where it is no relative one. */
export function widerUsual(range, nowMs = Date.now()) {
  if (!isRelative(range)) return null;
  const ms = spanMs(range.since);
  const next = RANGES.find(([usual]) => spanMs(usual) > ms);
  if (next) return { since: next[0], until: "" };
  const since = `${2 * Number.parseInt(range.since, 10)}${range.since.at(-1)}`;
  return RELATIVE.test(since) && nowMs > 2 * ms ? { since, until: "" } : ALL;
}

/**
 * The range to widen to: of a relative one as `widerUsual`; else twice as long around its middle, though not beyond now.
 * Null where there is none wider than this.
 */
export function wider(range, nowMs = Date.now()) {
  if (!hasStart(range)) return endsNow(range) ? null : ALL;
  if (isRelative(range)) return widerUsual(range, nowMs);
  const ms = (moment) => (Number.isNaN(spanMs(moment)) ? Date.parse(moment) : nowMs - spanMs(moment));
  const from = ms(range.since);
  const to = endsNow(range) ? nowMs : ms(range.until);
  const halfMs = Math.max(1, Math.ceil((to - from) / 2));
  // Neither what cannot be read nor what ends before it begins has a middle.
  if (!(to >= from) || from - halfMs <= 0) return ALL;
  const later = Math.min(to + halfMs, nowMs);
  const until = endsNow(range) ? "" : later > to ? new Date(later).toISOString() : range.until;
  return { since: new Date(from - halfMs).toISOString(), until };
}

/** The range in words. */
export function rangeText({ since, until }) {
  if (endsNow({ until })) {
    const usual = RANGES.find(([range]) => range === since);
    if (usual) return usual[1];
    if (RELATIVE.test(since)) return lastOf(Number.parseInt(since, 10), UNITS[since.at(-1)]);
  }
  const shown = (moment, none) => (moment && moment !== "all" ? (Number.isNaN(Date.parse(moment)) ? moment : time(moment, { ms: false })) : none);
  return `${shown(since, "the beginning")} – ${shown(until, "now")}`;
}

const lastOf = (number, units) => (number === 1 ? `Last ${units.slice(0, -1)}` : `Last ${number} ${units}`);
