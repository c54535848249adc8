// JSON without loss: numbers keep the digits they were sent with, which a double would not (2^53 and beyond, 1.0, 1e400).

/** Parse; a number whose digits would change stays as its text (`JSON.rawJSON`), where the browser can do that. */
export function parse(text) {
  if (!JSON.rawJSON) return JSON.parse(text);
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && String(value) !== context.source ? JSON.rawJSON(context.source) : value,
  );
}

/** The value as text: strings as they are, everything else as JSON. */
export function text(value) {
  if (typeof value === "string") return value;
  return value === undefined ? "" : JSON.stringify(value);
}

/** Whether it is an object or a list, and not a number that was kept as text. */
export const isNested = (value) =>
  typeof value === "object" && value !== null && !(JSON.isRawJSON && JSON.isRawJSON(value));

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;

/** JSON laid out over lines without reading its values: every digit, every key and their order stay as they are. */
export function indent(raw) {
  let out = "";
  let depth = 0;
  let previous = "";
  for (const [token] of raw.matchAll(TOKEN)) {
    const closes = token === "}" || token === "]";
    const opened = previous === "{" || previous === "[";
    if (closes) depth -= 1;
    if (closes ? !opened : opened || previous === ",") out += `\n${"  ".repeat(depth)}`;
    out += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth += 1;
    previous = token;
  }
  return out;
}
