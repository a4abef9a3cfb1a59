import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { transactionInfo } from "../convert.js";
import { LakeportError } from "../errors/error.js";
import { type BeginTransactionRequestSchema, TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import type { TransactionInfo } from "../types.js";
import { rollBack } from "./rollback.js";

/** A request with an ID, which makes it safe to send it again after a lost response. */
export type BeginRequest = MessageInitShape<typeof BeginTransactionRequestSchema> & { readonly transactionId: string };

/** Begins a transaction. */
export async function begin(caller: Caller, request: BeginRequest, options: CallOptions): Promise<TransactionInfo> {
  const { beginTransaction } = TransactionService.method;
  const { transaction } = await caller.unary(beginTransaction, request, options, { isIdempotent: true });
  return transactionInfo(transaction);
}

/**
 * Begins a transaction whose ID nobody else knows. If the caller cancels the call, or if the call fails although the server may have
 * begun the transaction, rolls it back in the background.
 */
export async function beginOwned(
  caller: Caller,
  request: BeginRequest,
  options: CallOptions,
): Promise<TransactionInfo> {
  const scope = caller.scope(options);
  try {
    scope.throwIfCancelled();
    // Without the signal: a rollback that reaches the server before the begin has no effect.
    const beginning = begin(caller, request, { timeoutMs: options.timeoutMs });
    try {
      return await scope.orCancelled(beginning);
    } catch (error) {
      if (mayHaveBegun(error)) {
        const undo = () => rollBack(caller, request.transactionId);
        void beginning.then(undo, undo);
      }
      throw error;
    }
  } finally {
    scope.end();
  }
}

function mayHaveBegun(error: unknown): boolean {
  return (
    error instanceof LakeportError && ["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "UNKNOWN"].includes(error.code)
  );
}
