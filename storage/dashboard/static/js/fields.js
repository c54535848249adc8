// The fields of a log: what each holds, where it is in the answer, and which of them can be counted by.

// name: [what it holds, help]; the same names as in storage/search/fields.py, which a test holds them to.
export const FIELDS = {
  timestamp: ["time", "event time"],
  received_at: ["time", "when the producer accepted it"],
  processed_at: ["time", "when the processor finished with it"],
  level: ["text", "DEBUG, INFO, WARNING, ERROR or CRITICAL"],
  original_level: ["text", "what was sent where it was no known level"],
  service: ["text", "who sent it"],
  message: ["words", "the text"],
  priority: ["text", "high, medium or low"],
  severity: ["number", "0 to 100"],
  severity_class: ["text", "low, medium, high or critical"],
  anomaly: ["bool", "whether any anomaly rule holds"],
  anomaly_reasons: ["list", "the rules that hold"],
  tags: ["list", "auth, payment, api, general, …"],
  fingerprint: ["number", "the pattern of its message"],
  processor_id: ["text", "the worker that processed it"],
  client_id: ["text", "the client's own id"],
  trace_id: ["text", "trace"],
  span_id: ["text", "span"],
  host: ["text", "source: host"],
  file: ["text", "source: file"],
  protocol: ["text", "source: protocol"],
  status_code: ["number", "HTTP status"],
  response_time_ms: ["number", "response time in milliseconds"],
  method: ["text", "HTTP method"],
  path: ["text", "URL path"],
  user_id: ["text", "user"],
  request_id: ["text", "request"],
  error_code: ["text", "the application's error code"],
};

// Other names of fields, as in storage/search/fields.py, which a test holds them to.
export const ALIASES = {
  tag: "tags",
  reason: "anomaly_reasons",
  anomaly_reason: "anomaly_reasons",
  "source.host": "host",
  "source.file": "file",
  "source.protocol": "protocol",
  "@timestamp": "timestamp",
  time: "timestamp",
  msg: "message",
  _msg: "message",
};
// Names with a meaning of their own in a search text.
const RESERVED = ["id", "source", "_exists_", "*", "AND", "OR", "NOT", "TO"];

/** A path of the metadata as a search text names it: with `metadata.` before it where it would mean something else alone. */
export function searchName(path) {
  const isTaken = Object.hasOwn(FIELDS, path) || Object.hasOwn(ALIASES, path) || RESERVED.includes(path);
  return isTaken || !path || /^[-+!]/.test(path) || path.startsWith(METADATA) ? METADATA + path : path;
}

export const LEVELS = ["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"];

/** Fields by which logs can be counted: all but the message and times. */
export const COUNTABLE = Object.keys(FIELDS).filter((name) => !["words", "time"].includes(FIELDS[name][0]));

/** What a field holds: text, words, list, number, bool, time; "metadata" for any other. */
export const holds = (name) => FIELDS[name]?.[0] ?? "metadata";

/**
 * A counted value as it is searched for: counts show what the column holds, no status as 0 and no time as null, which no
 * search finds.
 */
export function searched(name, value) {
  if (name === "status_code" && value === "0") return "";
  if (name === "response_time_ms" && value === "null") return "";
  return value;
}

const SOURCE = ["host", "file", "protocol"];
const METADATA = "metadata.";
const MAX_FLAT = 500;

/** The value of a column of a log; undefined where it has none. A name that is no field is one of the metadata. */
export function valueOf(log, name) {
  if (SOURCE.includes(name)) return log.source?.[name] || undefined;
  if (name === "id" || Object.hasOwn(FIELDS, name)) return Object.hasOwn(log, name) ? log[name] : undefined;
  const path = name.startsWith(METADATA) ? name.slice(METADATA.length) : name;
  return flatMetadata(log).find(([found]) => found === path)?.[1];
}

const flattened = new WeakMap();

/**
 * The metadata as [path, value, whether a search can name the path], with nested objects taken apart: {a: {b: 1}} is a.b.
 * Lists stay whole.
 */
export function flatMetadata(log) {
  let found = flattened.get(log);
  if (!found) {
    found = [];
    flatten(log.metadata ?? {}, [], found);
    // Of metadata with such a number the engine reads nothing at all.
    if (isBeyondNumbers(log.metadata)) for (const one of found) one[2] = false;
    flattened.set(log, found);
  }
  return found;
}

/** Whether it is or holds a number that no double can be, as 1e400. */
function isBeyondNumbers(value) {
  if (typeof value === "number" || JSON.isRawJSON?.(value)) return !Number.isFinite(Number(typeof value === "number" ? value : JSON.stringify(value)));
  return typeof value === "object" && value !== null && Object.values(value).some(isBeyondNumbers);
}

function flatten(value, path, out) {
  for (const [key, inner] of Object.entries(value)) {
    if (out.length >= MAX_FLAT) return;
    const here = [...path, key];
    const isObject = typeof inner === "object" && inner !== null && !Array.isArray(inner) && !JSON.isRawJSON?.(inner);
    if (isObject && Object.keys(inner).length && here.length < 20) flatten(inner, here, out);
    else out.push([here.join("."), inner, isNameable(here)]);
  }
}

// What JSON escapes within a key; the engine compares keys as they are written.
// eslint-disable-next-line no-control-regex
const ESCAPED = /["\\\x00-\x1f\x7f]/;

/** Whether a search finds what is at these keys: a.b is b within a, or one key with a dot, but neither with another key beside it. */
const isNameable = (keys) => (keys.length === 1 || !keys.some((key) => key.includes("."))) && !keys.some((key) => ESCAPED.test(key));

/**
 * All of a log as [name, value, whether a search can name it], the fields first, then the metadata as metadata.NAME; empty
 * ones left out.
 */
export function allFields(log) {
  const found = [["id", log.id, true]];
  for (const name of Object.keys(FIELDS)) {
    const value = valueOf(log, name);
    if (value !== undefined && value !== "" && !(Array.isArray(value) && !value.length)) found.push([name, value, true]);
  }
  for (const [path, value, isFindable] of flatMetadata(log)) found.push([METADATA + path, value, isFindable]);
  return found;
}
