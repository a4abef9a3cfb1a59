import type { Caller } from "./call/caller.js";
import { LakeportError } from "./errors/error.js";
import { TransactionService } from "./gen/lakeport/v1/transactions_pb.js";
import { startTimer } from "./sleep.js";

/** Shortest idle timeout that the server accepts. */
export const MIN_IDLE_MS = 10_000;

/** Maximum pause after a failed call. */
const MAX_PAUSE_MS = 5000;

/**
 * Keeps a transaction open with regular calls until `stop` is called, `isWanted` returns false, the transaction has ended, or the
 * client is closed. Does not keep the process running.
 */
export class KeepAlive {
  readonly #caller: Caller;
  readonly #transactionId: string;
  readonly #isWanted: () => boolean;
  readonly #intervalMs: number;
  readonly #stopping = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(caller: Caller, transactionId: string, idleMs: number, isWanted: () => boolean = () => true) {
    this.#caller = caller;
    this.#transactionId = transactionId;
    this.#isWanted = isWanted;
    this.#intervalMs = Math.max(idleMs, MIN_IDLE_MS) / 3;
    this.#wait();
  }

  stop(): void {
    this.#stopping.abort();
    clearTimeout(this.#timer);
  }

  #wait(ms = this.#intervalMs): void {
    const keep = () => {
      void this.#keep();
    };
    this.#timer = startTimer(keep, ms, true);
  }

  async #keep(): Promise<void> {
    if (!this.#isWanted() || this.#caller.isClosed) {
      return;
    }
    const { signal } = this.#stopping;
    const request = { transactionId: this.#transactionId };
    let pauseMs = this.#intervalMs;
    try {
      // A call that hangs leaves time for others before the transaction expires.
      const options = { signal, timeoutMs: this.#intervalMs / 3 };
      const { keepAliveTransaction } = TransactionService.method;
      await this.#caller.unary(keepAliveTransaction, request, options, { isBackground: true });
    } catch (error) {
      if (!isTemporary(error)) {
        // The transaction has ended. The next call in it reports that.
        return;
      }
      pauseMs = Math.min(this.#intervalMs / 6, MAX_PAUSE_MS);
    }
    if (!signal.aborted) {
      this.#wait(pauseMs);
    }
  }
}

function isTemporary(error: unknown): boolean {
  const codes = ["UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"];
  return error instanceof LakeportError && codes.includes(error.code);
}
