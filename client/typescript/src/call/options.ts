import { invalid } from "../errors/error.js";

/** Options of every call. */
export interface CallOptions {
  /** Cancels the call. The call then fails with a {@link CanceledError}. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Timeout in milliseconds. For calls with a single response: the time of the whole call, with its retries. For streams: the time
   * without progress by the server. The time in which the caller uses a response does not count. Default: that of the client.
   * `Infinity`: no limit.
   */
  readonly timeoutMs?: number | undefined;
}

/** Maximum delay of a timer. A larger one fires at once. */
const MAX_TIMER_MS = 0x7fffffff;

/**
 * Returns the timeout, or throws an error if it is invalid.
 *
 * @internal
 */
export function checkTimeout(timeoutMs: number): number {
  if (typeof timeoutMs !== "number" || !(timeoutMs > 0)) {
    throw invalid(`timeoutMs is ${String(timeoutMs)}: it must be a number of milliseconds above 0, or Infinity`);
  }
  return Math.min(timeoutMs, MAX_TIMER_MS);
}
