import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { Backoff } from "../call/retry.js";
import { strategyNumber, toBigInt, transactionInfo } from "../convert.js";
import { LakeportError } from "../errors/error.js";
import { type CommitTransactionRequestSchema, TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import type { MergeStrategy, TransactionInfo } from "../types.js";

/** Options of a commit. */
export interface CommitOptions extends CallOptions {
  /** Message of the commit and of the merge. Default: a message that names the transaction. */
  readonly message?: string | undefined;
  /** Metadata of the commit and of the merge. Keys with the prefix `lakeport.` are reserved. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Tags to create on the merge commit. If a tag exists, the call fails with `TAG_EXISTS` and starts no commit. */
  readonly tags?: readonly string[] | undefined;
  /** How to resolve conflicts with changes on the base branch. Default: `fail`. */
  readonly strategy?: MergeStrategy | undefined;
  /** Combine all commits of the transaction into one before the merge. */
  readonly squash?: boolean | undefined;
  /** Commit without a merge, and keep a branch with the commit. */
  readonly skipMerge?: boolean | undefined;
  /** Commit only if the transaction has this epoch. Otherwise the call fails with `EPOCH_MISMATCH`. */
  readonly ifEpoch?: number | undefined;
  /** Time in milliseconds for which the commit is repeated while its outcome is unknown. Default: 120 s. */
  readonly timeoutMs?: number | undefined;
}

/** Time for which a commit is repeated while its outcome is unknown. */
const COMMIT_TIMEOUT_MS = 120_000;

type Request = MessageInitShape<typeof CommitTransactionRequestSchema>;

export function commitRequest(transactionId: string, options: CommitOptions): Request {
  const { message = "", metadata = {}, tags = [], squash = false, skipMerge = false, ifEpoch } = options;
  return {
    transactionId,
    message,
    metadata,
    tags: [...tags],
    squash,
    skipMerge,
    strategy: strategyNumber(options.strategy),
    ...(ifEpoch === undefined ? {} : { ifEpoch: toBigInt(ifEpoch, "ifEpoch") }),
  };
}

/**
 * Commits a transaction. Repeats the request while its outcome is unknown: after a lost response, or while the commit continues on the
 * server. This is safe: a retry returns the outcome of the first request.
 */
export async function commit(caller: Caller, request: Request, options: CallOptions): Promise<TransactionInfo> {
  const deadline = performance.now() + (options.timeoutMs ?? COMMIT_TIMEOUT_MS);
  const scope = caller.scope(options);
  const backoff = new Backoff();
  let inDoubt: LakeportError | undefined;
  try {
    for (;;) {
      const left = deadline - performance.now();
      try {
        return await commitOnce(caller, request, {
          ...options,
          timeoutMs: Math.max(Math.min(caller.timeoutMs, left), 1),
        });
      } catch (error) {
        if (!isInDoubt(error)) {
          throw error;
        }
        // The error of a last attempt that was too short says less than that of the server before.
        inDoubt = error.reason === undefined ? (inDoubt ?? error) : error;
        const pause = backoff.next(error);
        if (pause >= deadline - performance.now()) {
          throw inDoubt;
        }
        await scope.sleep(pause);
      }
    }
  } finally {
    scope.end();
  }
}

/** Checks whether a commit would succeed now, and changes nothing. */
export async function validate(caller: Caller, request: Request, options: CallOptions): Promise<TransactionInfo> {
  return commitOnce(caller, { ...request, validateOnly: true }, options);
}

async function commitOnce(caller: Caller, request: Request, options: CallOptions): Promise<TransactionInfo> {
  const { transaction } = await caller.unary(TransactionService.method.commitTransaction, request, options);
  return transactionInfo(transaction);
}

/** Returns whether a commit that failed with this error may take effect. */
export function isInDoubt(error: unknown): error is LakeportError {
  return error instanceof LakeportError && (error.code === "UNAVAILABLE" || error.code === "DEADLINE_EXCEEDED");
}
