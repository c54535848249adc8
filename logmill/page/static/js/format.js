// Numbers, times and texts as people read them; and what of a text must not pass unseen.

import { h } from "./dom.js";

const grouped = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ZONE = "logmill-zone";

/** 1234567 as 1,234,567. */
export const count = (number) => grouped.format(number);

/** A number of things: 1 log, 0 logs, 1,234 logs. */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;

/** 1234567 as 1.2M. */
export const compact = (number) => short.format(number);

/** A number with a sensible number of digits; a dash where there is none. */
export function decimal(number, digits = 1) {
  if (number === null || number === undefined || !Number.isFinite(number)) return "–";
  return Math.abs(number) >= 1000 ? compact(number) : String(Number(number.toFixed(digits)));
}

/** Bytes as B, KB, MB, … (powers of 1000). */
export function bytes(number) {
  if (number === null || number === undefined) return "–";
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let value = number;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Seconds as 1.2 s, 340 ms, 3 m, 2 h, 5 d. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} m`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

/** "local" or "utc": the zone times are shown in, kept in this browser. */
export const zone = () => (localStorage.getItem(ZONE) === "utc" ? "utc" : "local");

/** Choose the zone. */
export const setZone = (name) => localStorage.setItem(ZONE, name);

/** The parts of a moment (Date or milliseconds) in the chosen zone: year, month (0 to 11), day, hour, minute, second, ms. */
export function parts(moment) {
  const date = new Date(moment);
  return zone() === "utc"
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()]
    : [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds()];
}

const two = (number) => String(number).padStart(2, "0");

/** Jan 31 12:00:00.123, with the year where it is another than now's. */
export function time(moment, { ms = true } = {}) {
  const [year, month, day, hour, minute, second, milli] = parts(moment);
  if (Number.isNaN(year)) return String(moment);
  const shown = year === parts(Date.now())[0] ? "" : ` ${year}`;
  return `${MONTHS[month]} ${two(day)}${shown} ${two(hour)}:${two(minute)}:${two(second)}${ms ? `.${String(milli).padStart(3, "0")}` : ""}`;
}

/** A moment for a field of type datetime-local, in the chosen zone; with milliseconds where it has any. */
export function timeField(moment) {
  const [year, month, day, hour, minute, second, milli] = parts(moment);
  return `${String(year).padStart(4, "0")}-${two(month + 1)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${milli ? `.${String(milli).padStart(3, "0")}` : ""}`;
}

/** What a field of type datetime-local says in the chosen zone, as ISO 8601; "" where it is empty. */
export const fieldTime = (value) => (value ? new Date(zone() === "utc" ? `${value}Z` : value).toISOString() : "");

/** How long ago: 3 s ago, 5 m ago. */
export const ago = (moment) => `${duration(Math.max(0, (Date.now() - new Date(moment)) / 1000))} ago`;

// Escape sequences of terminals; control characters; characters that reorder or hide text or have no width (those of
// Unicode that are ignorable by default): a log must not look like another than it is. What joins letters or parts of a
// sign (U+200C, U+200D) is left alone between characters that are not ASCII, where scripts and emoji need it.
// eslint-disable-next-line no-control-regex
const UNSEEN = /\x1b\[[0-9;:?<=>]*[ -/]*[@-~]|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?|[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|(?<![^\x00-\x7f\u200c\u200d])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f\u200c\u200d])/gu;
const BLANK = /\s/gu;

const sign = (found) => {
  const code = found.codePointAt(0);
  return code === 0x1b ? "␛" : code <= 0x20 ? String.fromCodePoint(0x2400 + code) : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
};

const mark = (found) => h("span", { class: "unseen", title: JSON.stringify(found) }, sign(found));

/** A text as nodes, in which what cannot be seen is marked; cut after `limit` characters. */
export function visible(text, limit = Infinity) {
  const shown = text.length > limit ? text.slice(0, limit) : text;
  const nodes = marked(shown, UNSEEN);
  if (shown.length < text.length) nodes.push(h("span", { class: "cut" }, `… ${counted(text.length - shown.length, "more character")}`));
  return nodes;
}

// A name or value that stands alone and has nothing but spaces would look as if it were empty.
const unseenIn = (text) => (text.trim() ? UNSEEN : BLANK);

/** A name or a value as nodes: as `visible`, and one of spaces only has those marked too. */
export const label = (text) => marked(text, unseenIn(text));

/** The same as text alone, where there can be no nodes: for tooltips of the browser and for screen readers. */
export const plain = (text) => text.replace(unseenIn(text), sign);

function marked(text, unseen) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(unseen)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    nodes.push(mark(found[0]));
    from = found.index + found[0].length;
  }
  nodes.push(from ? text.slice(from) : text);
  return nodes;
}
