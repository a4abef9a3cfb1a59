import { CanceledError, DeadlineExceededError, LakeportError } from "../errors/error.js";
import { sleep, startTimer } from "../sleep.js";

/** Cancels one call: when the signal of the caller is aborted, when the client closes, after a timeout, or when the caller stops. */
export class CallScope {
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #open: Set<CallScope>;
  readonly #isBackground: boolean;
  #error: LakeportError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Any of `signals` cancels the call. `open` contains the calls of the client that are in flight. The timers of a call in the
   * background do not keep the process running.
   */
  constructor(signals: readonly AbortSignal[], open: Set<CallScope>, isBackground = false) {
    this.#signals = signals;
    this.#open = open;
    this.#isBackground = isBackground;
    open.add(this);
    for (const signal of signals) {
      signal.addEventListener("abort", this.#onAbort);
    }
    this.#onAbort();
  }

  readonly #onAbort = (): void => {
    const aborted = this.#signals.find((signal) => signal.aborted);
    if (aborted !== undefined) {
      this.cancel(new CanceledError("the caller cancelled the call", "CANCELLED", { cause: aborted.reason }));
    }
  };

  /** Signal for the transport. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Cancels the call. It fails with this error, or an earlier one. */
  cancel(error: LakeportError): void {
    this.#error ??= error;
    this.#controller.abort(this.#error);
    this.#release();
  }

  /** Throws the error of a cancelled call. */
  throwIfCancelled(): void {
    if (this.#error !== undefined) {
      throw this.#error;
    }
  }

  /** Error of a cancelled call. */
  get error(): LakeportError | undefined {
    return this.#error;
  }

  /** Cancels the call after a time without progress by the server, unless `stopTimer` is called before. */
  startTimer(ms: number, message: string): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) {
      return;
    }
    const cancel = () => {
      this.cancel(new DeadlineExceededError(message, "DEADLINE_EXCEEDED"));
    };
    this.#timer = startTimer(cancel, ms, this.#isBackground);
  }

  stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Returns the result of a promise, or throws as soon as the call is cancelled. */
  async orCancelled<T>(promise: Promise<T>): Promise<T> {
    // If the call is already cancelled, nothing waits for the promise.
    promise.catch(() => undefined);
    this.throwIfCancelled();
    let onAbort = (): void => undefined;
    const cancelled = new Promise<never>((_, reject) => {
      onAbort = () => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an aborted scope has an error
        reject(this.#error);
      };
      this.signal.addEventListener("abort", onAbort);
    });
    try {
      return await Promise.race([promise, cancelled]);
    } finally {
      this.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Waits, unless the call is cancelled. */
  async sleep(ms: number): Promise<void> {
    this.throwIfCancelled();
    await sleep(ms, this.signal, this.#isBackground);
    this.throwIfCancelled();
  }

  /** Ends the call. */
  end(): void {
    this.#controller.abort();
    this.#release();
  }

  /** Releases the timer and the listeners. */
  #release(): void {
    this.stopTimer();
    for (const signal of this.#signals) {
      signal.removeEventListener("abort", this.#onAbort);
    }
    this.#open.delete(this);
  }
}
