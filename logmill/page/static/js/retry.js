// Asking again after a failure: what is worth it, and how long to wait, a little longer each time.

import { ApiError } from "./api.js";
import { duration } from "./format.js";

// The question itself is refused: the same one will be again.
const FINAL = [400, 401, 403, 404];

/** Whether the same question would fail again, so that asking it by itself would only cost. */
export const isFinal = (error) => error instanceof ApiError && FINAL.includes(error.status);

/** Waits between tries (milliseconds): each twice the one before, from `first` to `longest`, and not all at the same moment. */
export class Waits {
  constructor(first, longest) {
    this.first = first;
    this.longest = longest;
    this.reset();
  }

  /** It went well: the next failure waits shortly again. */
  reset() {
    this.next = this.first;
  }

  /** How long to wait after this failure; what the server asks for (Retry-After) is the least, as far as the longest goes. */
  after(error) {
    const wait = Math.max(this.next * (0.75 + Math.random() / 4), Math.min(this.longest, error?.retryAfterMs ?? 0));
    this.next = Math.min(this.longest, this.next * 2);
    return wait;
  }
}

/** "again in 4 s", for the sentence that says what failed. */
export const inWords = (waitMs) => `again in ${duration(Math.max(1, Math.round(waitMs / 1000)))}`;

/** Wait; sooner where nobody wants it any more. */
export const pause = (waitMs, signal) =>
  new Promise((resolve) => {
    const done = () => (clearTimeout(timer), signal.removeEventListener("abort", done), resolve());
    const timer = setTimeout(done, waitMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
