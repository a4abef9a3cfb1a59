import type { LakeportError } from "../errors/error.js";

/** The values of the service config of the contract. */
const MAX_ATTEMPTS = 4;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5000;
const BACKOFF_FACTOR = 2;
const MAX_TOKENS = 100;
const TOKENS_PER_SUCCESS = 0.1;

/** Maximum time for retries while an earlier attempt may still take effect. */
const IN_PROGRESS_MS = 90_000;

/** Exponential backoff with jitter. */
export class Backoff {
  #next = FIRST_BACKOFF_MS;

  /** Returns the next pause in milliseconds: at least the delay that the server asked for. */
  next(error: LakeportError): number {
    const pause = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * BACKOFF_FACTOR, MAX_BACKOFF_MS);
    return Math.max(pause, error.retryDelayMs ?? 0);
  }
}

/** Stops retries if more calls fail than succeed, so that the retries of many calls do not keep a server overloaded. */
export class RetryBudget {
  #tokens = MAX_TOKENS;

  succeeded(): void {
    this.#tokens = Math.min(this.#tokens + TOKENS_PER_SUCCESS, MAX_TOKENS);
  }

  /** Counts a failure, and returns whether a retry is allowed. */
  failed(): boolean {
    this.#tokens = Math.max(this.#tokens - 1, 0);
    return this.#tokens > MAX_TOKENS / 2;
  }
}

/** The retries of one call. */
export class Retries {
  readonly #isIdempotent: boolean;
  readonly #budget: RetryBudget;
  readonly #backoff = new Backoff();
  #attempts = 1;
  #inProgressUntil: number | undefined;
  #overloadMs: number;

  /** `overloadMs` is the maximum sum of the pauses after `OVERLOADED`. */
  constructor(isIdempotent: boolean, budget: RetryBudget, overloadMs: number) {
    this.#isIdempotent = isIdempotent;
    this.#budget = budget;
    this.#overloadMs = overloadMs;
  }

  /** Returns the pause before the next attempt in milliseconds, or `undefined` if there is none. */
  pauseAfter(error: LakeportError): number | undefined {
    if (!this.#mayRetry(error)) {
      return undefined;
    }
    const pause = this.#backoff.next(error);
    if (error.reason === "OVERLOADED") {
      this.#overloadMs -= pause;
      return this.#overloadMs > 0 ? pause : undefined;
    }
    return pause;
  }

  #mayRetry(error: LakeportError): boolean {
    // The server did not start the call. The sum of the pauses limits these retries.
    if (error.reason === "OVERLOADED") {
      return true;
    }
    if (error.reason === "REQUEST_IN_PROGRESS") {
      this.#inProgressUntil ??= performance.now() + IN_PROGRESS_MS;
      return performance.now() < this.#inProgressUntil;
    }
    if (error.code !== "UNAVAILABLE") {
      return false;
    }
    // Evaluate the budget first: it counts each failure.
    return this.#budget.failed() && this.#isIdempotent && this.#attempts++ < MAX_ATTEMPTS;
  }
}
