import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { transactionInfo } from "../convert.js";
import { LakeportError, makeError } from "../errors/error.js";
import { TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import { randomId } from "../ids.js";
import { beginOwned } from "../transactions/begin.js";
import type { TransactionInfo } from "../types.js";
import type { Destination } from "./destination.js";

/** The server allows no longer idle timeout: an interrupted upload can be resumed for a day. */
const IDLE_TIMEOUT = { seconds: 24n * 3600n };
/** The server allows no longer lifetime. */
const LIFETIME = { seconds: 7n * 24n * 3600n };
/** Maximum time for which the error of an upload waits for the rollback. The rollback, which deletes the parts, continues after it. */
export const AFTER_ERROR_MS = 500;

/** Begins a transaction for the parts of an object, and returns its ID. */
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
    transactionId,
    idleTimeout: IDLE_TIMEOUT,
    lifetime: LIFETIME,
    labels,
  };
  await beginOwned(caller, request, options);
  return transactionId;
}

/** Returns the transaction of an earlier upload. */
export async function findParts(caller: Caller, transactionId: string, options: CallOptions): Promise<TransactionInfo> {
  const { getTransaction } = TransactionService.method;
  const { transaction } = await caller.unary(getTransaction, { transactionId }, options);
  return transactionInfo(transaction);
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
