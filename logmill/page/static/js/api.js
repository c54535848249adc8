// Asking the server: the API key, time limits, errors in one shape, and streams of events.

const KEY = "logmill-key";
const TIMEOUT_MS = 65_000;
// The server sends a comment every few seconds; a stream without any is dead.
const SILENCE_MS = 45_000;
const MAX_EVENT_CHARS = 64 * 1024 * 1024;

/** An answer that is none. `status` is 0 where the server could not be reached, `position` a place in the search text, `retryAfterMs` what the server asks to wait. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.message || `the server answered ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.field = body.field ?? "";
    this.position = body.position ?? null;
    this.retryAfterMs = 0;
  }
}

/** Whether it only says that nobody wants the answer any more. */
export const isAborted = (error) => error.name === "AbortError";

/** The API key of this tab, "" where there is none. */
export const apiKey = () => sessionStorage.getItem(KEY) ?? "";

/** Keep the API key until the tab is closed. */
export const setApiKey = (key) => sessionStorage.setItem(KEY, key);

/** The first character of a key that no header can carry (those hold bytes), "" where all can be sent. */
export const unsendable = (key) => /[^\x20-\x7e\xa0-\xff]/u.exec(key)?.[0] ?? "";

let unauthorized = () => {};

/** Hear of each question that the server wants another key for than this tab has, whoever asked it. */
export const onUnauthorized = (listener) => (unauthorized = listener);

/** The address of a path of the server, also where it lives below a path of another. */
export function address(path, parameters) {
  const url = new URL(path, document.baseURI);
  url.search = parameters ? String(parameters) : "";
  return url;
}

async function ask(path, parameters, { signal, method = "GET", body, patient = false } = {}) {
  const headers = {};
  const key = apiKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const limits = [signal, patient ? null : AbortSignal.timeout(TIMEOUT_MS)].filter(Boolean);
  let response;
  try {
    response = await fetch(address(path, parameters), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(limits),
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    throw translated(error);
  }
  if (response.ok) return response;
  // An answer to the key before says nothing about this one.
  if (response.status === 401 && key === apiKey()) unauthorized();
  throw await refusal(response);
}

function translated(error) {
  if (isAborted(error) || error instanceof ApiError) return error;
  if (error.name === "TimeoutError") return new ApiError(0, { code: "timeout", message: "the server did not answer in time" });
  return new ApiError(0, { code: "unreachable", message: "the server cannot be reached" });
}

async function refusal(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // A proxy's page, or nothing: the status says enough.
  }
  const error = new ApiError(response.status, typeof body === "object" && body !== null ? body : {});
  error.retryAfterMs = 1000 * (Number(response.headers.get("Retry-After")) || 0);
  return error;
}

/** The JSON answer. */
export async function getJson(path, parameters, options) {
  return JSON.parse(await getText(path, parameters, options));
}

/** The answer as it came. */
export async function getText(path, parameters, options) {
  const response = await ask(path, parameters, options);
  try {
    return await response.text();
  } catch (error) {
    throw translated(error);
  }
}

/** Send JSON; the JSON answer. */
export async function postJson(path, body, options = {}) {
  const response = await ask(path, null, { ...options, method: "POST", body });
  return response.json();
}

/** Have something removed; the JSON answer. */
export async function deleteJson(path, options = {}) {
  const response = await ask(path, null, { ...options, method: "DELETE" });
  return response.json();
}

/** The answer as a Blob and the name the server gave it. */
export async function download(path, parameters, options) {
  const response = await ask(path, parameters, { ...options, patient: true });
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  try {
    return { blob: await response.blob(), name };
  } catch (error) {
    throw translated(error);
  }
}

/** Events of a stream as {event, id, data} until it ends; `onOpen` is called once it is there. Silence that lasts too long is an error. */
export async function* events(path, parameters, { signal, onOpen }) {
  const silence = new AbortController();
  const unlessSilent = (promise) => {
    const timer = setTimeout(() => silence.abort(), SILENCE_MS);
    return promise.finally(() => clearTimeout(timer));
  };
  let reader = null;
  let text = "";
  try {
    const response = await unlessSilent(ask(path, parameters, { signal: AbortSignal.any([signal, silence.signal]), patient: true }));
    onOpen();
    reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await unlessSilent(reader.read());
      if (done) return;
      text += value;
      if (text.length > MAX_EVENT_CHARS) throw new ApiError(0, { code: "unreadable", message: "the stream cannot be read" });
      const blocks = text.split("\n\n");
      text = blocks.pop();
      for (const block of blocks) yield eventOf(block);
    }
  } catch (error) {
    if (silence.signal.aborted) throw new ApiError(0, { code: "unreachable", message: "the stream fell silent" });
    throw translated(error);
  } finally {
    reader?.cancel().catch(() => {});
  }
}

function eventOf(block) {
  const found = { event: "message", id: "", data: "" };
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    if (name === "data" && found.data) found.data += `\n${value}`;
    else if (Object.hasOwn(found, name)) found[name] = value;
  }
  return found;
}
