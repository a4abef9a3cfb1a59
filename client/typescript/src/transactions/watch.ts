import { Backoff } from "../call/retry.js";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { transactionInfo } from "../convert.js";
import { TransactionService, type WatchTransactionResponse } from "../gen/lakeport/v1/transactions_pb.js";
import { UnavailableError } from "../errors/error.js";
import { sleep } from "../sleep.js";
import type { TransactionStatus } from "../types.js";

/** Maximum number of consecutive reconnections without a message. */
const MAX_RECONNECTIONS = 4;

/** The watches of a client. Several watchers of one transaction share a call, because browsers have few connections. */
export class Watches {
  readonly #caller: Caller;
  readonly #running = new Map<string, SharedWatch>();

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Yields the current status of a transaction, and then each change, until it has ended. */
  async *watch(transactionId: string, options: CallOptions): AsyncGenerator<TransactionStatus, void, undefined> {
    const scope = this.#caller.scope(options);
    const shared = this.#shared(transactionId);
    const watcher = shared.join();
    try {
      for (;;) {
        const next = await scope.orCancelled(watcher.next());
        if (next === undefined) {
          return;
        }
        yield next;
      }
    } finally {
      scope.end();
      shared.leave(watcher);
    }
  }

  #shared(transactionId: string): SharedWatch {
    const running = this.#running.get(transactionId);
    if (running !== undefined) {
      return running;
    }
    const remove = () => {
      if (this.#running.get(transactionId) === shared) {
        this.#running.delete(transactionId);
      }
    };
    const shared: SharedWatch = new SharedWatch(this.#caller, transactionId, remove);
    this.#running.set(transactionId, shared);
    return shared;
  }
}

/** One call that several watchers share. Ends when the last watcher leaves. */
class SharedWatch {
  readonly #watchers = new Set<Watcher>();
  readonly #ending = new AbortController();
  readonly #remove: () => void;
  #last: TransactionStatus | undefined;

  constructor(caller: Caller, transactionId: string, remove: () => void) {
    this.#remove = remove;
    void this.#run(caller, transactionId);
  }

  join(): Watcher {
    const watcher = new Watcher();
    if (this.#last !== undefined) {
      watcher.push(this.#last);
    }
    this.#watchers.add(watcher);
    return watcher;
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) {
      this.#remove();
      this.#ending.abort();
    }
  }

  async #run(caller: Caller, transactionId: string): Promise<void> {
    let failure: { error: unknown } | undefined;
    try {
      await this.#receive(caller, transactionId);
    } catch (error) {
      failure = { error };
    }
    // A later watcher begins a new call.
    this.#remove();
    for (const watcher of this.#watchers) {
      watcher.end(failure);
    }
  }

  /** Receives messages, also from other replicas after a lost connection or the shutdown of a server. */
  async #receive(caller: Caller, transactionId: string): Promise<void> {
    const { signal } = this.#ending;
    const { watchTransaction } = TransactionService.method;
    let backoff = new Backoff();
    for (let failures = 0; ; failures++) {
      let isReconnecting = false;
      try {
        for await (const message of caller.stream(
          watchTransaction,
          { transactionId },
          { signal },
          { isSteady: false },
        )) {
          [failures, backoff] = [0, new Backoff()];
          isReconnecting = message.reconnect;
          this.#publish(message);
        }
        if (!isReconnecting) {
          return;
        }
      } catch (error) {
        if (!(error instanceof UnavailableError) || failures >= MAX_RECONNECTIONS) {
          throw error;
        }
        await sleep(backoff.next(error), signal);
      }
    }
  }

  #publish({ transaction, queuePosition }: WatchTransactionResponse): void {
    const status = { transaction: transactionInfo(transaction), queuePosition };
    if (this.#last !== undefined && isSame(this.#last, status)) {
      // The first message after a reconnection.
      return;
    }
    this.#last = status;
    for (const watcher of this.#watchers) {
      watcher.push(status);
    }
  }
}

function isSame(one: TransactionStatus, other: TransactionStatus): boolean {
  return (
    one.queuePosition === other.queuePosition &&
    one.transaction.state === other.transaction.state &&
    one.transaction.epoch === other.transaction.epoch
  );
}

/** The messages that one watcher has not received yet. */
class Watcher {
  readonly #waiting: TransactionStatus[] = [];
  #end: { error: unknown } | "done" | undefined;
  #wake = (): void => undefined;

  push(status: TransactionStatus): void {
    this.#waiting.push(status);
    this.#wake();
  }

  end(failure: { error: unknown } | undefined): void {
    this.#end = failure ?? "done";
    this.#wake();
  }

  /** Returns the next message, or `undefined` at the end. */
  async next(): Promise<TransactionStatus | undefined> {
    while (this.#waiting.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const next = this.#waiting.shift();
    if (next === undefined && typeof this.#end === "object") {
      throw this.#end.error;
    }
    return next;
  }
}
