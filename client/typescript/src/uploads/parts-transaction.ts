import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { transactionInfo } from "../convert.js";
import { LakeportError, makeError } from "../errors/error.js";
import { TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import { randomId } from "../ids.js";
import { sleep } from "../sleep.js";
import type { TransactionInfo } from "../types.js";
import type { Destination } from "./destination.js";

/** The server allows no longer idle timeout: an interrupted upload can be resumed for a day. */
const IDLE_TIMEOUT = { seconds: 24n * 3600n };
/** The server allows no longer lifetime. */
const LIFETIME = { seconds: 7n * 24n * 3600n };
/** Maximum time for the rollback. After it, the transaction expires by itself. */
const ROLLBACK_MS = 30_000;
/** Maximum time for which the error of an upload waits for the rollback. The rollback continues after it. */
export const AFTER_ERROR_MS = 500;

/**
 * Begins a transaction for the parts of an object, and returns its ID. If the caller cancels the call, the server may begin the
 * transaction all the same. So the call continues in the background, and then the transaction is rolled back.
 */
export async function beginParts(
  caller: Caller,
  { place, baseBranch }: Destination,
  labels: Record<string, string>,
  options: CallOptions,
): Promise<string> {
  const transactionId = randomId();
  const request = {
    repository: place.repository,
    baseBranch,
    // With an ID, a retry after a lost response returns the same transaction.
    transactionId,
    idleTimeout: IDLE_TIMEOUT,
    lifetime: LIFETIME,
    labels,
  };
  const { beginTransaction } = TransactionService.method;
  const { timeoutMs } = options;
  const beginning = caller.unary(beginTransaction, request, { timeoutMs }, { isIdempotent: true });
  const scope = caller.scope(options);
  try {
    const { transaction } = await scope.orCancelled(beginning);
    return transactionInfo(transaction).transactionId;
  } catch (error) {
    const undo = () => deleteParts(caller, transactionId, 0);
    void beginning.then(undo, undo);
    throw error;
  } finally {
    scope.end();
  }
}

/** Returns the transaction of an earlier upload. */
export async function findParts(caller: Caller, transactionId: string, options: CallOptions): Promise<TransactionInfo> {
  const { getTransaction } = TransactionService.method;
  const { transaction } = await caller.unary(getTransaction, { transactionId }, options);
  return transactionInfo(transaction);
}

/**
 * Rolls back the transaction, and so deletes the parts. Ignores errors, because the transaction expires otherwise. Waits at most for
 * `maxWaitMs`.
 */
export async function deleteParts(caller: Caller, transactionId: string, maxWaitMs = ROLLBACK_MS): Promise<void> {
  const { rollbackTransaction } = TransactionService.method;
  const call = caller.unary(rollbackTransaction, { transactionId }, { timeoutMs: ROLLBACK_MS });
  const waiting = new AbortController();
  const stop = () => {
    waiting.abort();
  };
  call.then(stop, stop);
  await sleep(maxWaitMs, waiting.signal);
}

const ENDED: Record<string, string> = {
  TRANSACTION_NOT_FOUND: "is unknown",
  TRANSACTION_EXPIRED: "has expired",
  TRANSACTION_ROLLED_BACK: "has ended (it succeeded or was rolled back)",
  TRANSACTION_COMMITTED: "has ended (it succeeded or was rolled back)",
};

/** Explains an error that means that the parts are gone. Returns other errors unchanged. */
export function startAgain(id: string, error: unknown): unknown {
  const why = error instanceof LakeportError ? ENDED[error.reason ?? ""] : undefined;
  if (!(error instanceof LakeportError) || why === undefined) {
    return error;
  }
  const message = `upload ${id} ${why} and cannot be resumed: start again, without its ID`;
  return makeError(message, error.code, { reason: error.reason, cause: error });
}
