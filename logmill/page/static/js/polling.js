// Asking every few seconds while a view is shown; after a failure that may pass, later the longer it lasts.

import { isAborted } from "./api.js";
import { inWords, isFinal, Waits } from "./retry.js";

const POLL_MS = 5000;
const [FIRST_WAIT_MS, LONGEST_WAIT_MS] = [1000, 30_000];

/** One view's questions. */
export class Polling {
  /**
   * ask(signal) asks once and shows the answer; failing(sentence) shows a failure that may pass, whose
   * words sentence(known) gives with what is said of what is shown; fail(error) takes one, after
   * the first question, that asking again cannot mend. It asks every `every` milliseconds.
   */
  constructor({ ask, failing, fail, every = POLL_MS }) {
    Object.assign(this, { ask, failing, fail, every });
    this.waits = new Waits(FIRST_WAIT_MS, LONGEST_WAIT_MS);
    this.aborter = new AbortController();
  }

  /** Ask, then again every few seconds, until the signal or `stop`; their common signal. Problems that asking again cannot mend are thrown. */
  async start(signal) {
    this.stop();
    this.aborter = new AbortController();
    this.waits.reset();
    this.signal = AbortSignal.any([signal, this.aborter.signal]);
    const { signal: own } = this;
    await this.once(own);
    return own;
  }

  /** Ask once. Whatever comes of it, the next question follows, and only after this one has its answer. */
  async once(signal) {
    let wait = this.every;
    try {
      await this.ask(signal);
      this.waits.reset();
    } catch (error) {
      if (isAborted(error) || signal.aborted || isFinal(error)) {
        wait = null;
        throw error;
      }
      wait = this.waits.after(error);
      this.failing((known) => `${error.message}; ${known}. Asking ${inWords(wait)}.`);
    } finally {
      if (wait !== null) this.again(wait, signal);
    }
  }

  /** Ask after so long, in the place of what was to come. */
  again(wait, signal = this.signal) {
    clearTimeout(this.timer);
    if (!signal || signal.aborted) return;
    this.timer = setTimeout(() => {
      // Nobody looks at a page in the background.
      if (document.hidden) this.again(this.every, signal);
      else this.once(signal).catch((error) => isAborted(error) || signal.aborted || this.fail(error));
    }, wait);
  }

  stop() {
    this.aborter.abort();
    clearTimeout(this.timer);
  }
}
