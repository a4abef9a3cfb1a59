import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller, Policy } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { Backoff } from "../call/retry.js";
import { strategyNumber, toBigInt, transactionInfo } from "../convert.js";
import type { StatusCode } from "../errors/codes.js";
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

/** Whether a commit may take effect although its call failed. */
export interface Doubt {
  isInDoubt: boolean;
}

/**
 * Commits a transaction. Repeats the request while its outcome is unknown: after a lost response, or while the commit continues on the
 * server. This is safe: a retry returns the outcome of the first request. Also repeats a request that an overloaded server did not
 * start. Sets `doubt` as soon as a request may have taken effect, and clears it when the server reports the outcome.
 */
export async function commit(
  caller: Caller,
  request: Request,
  options: CallOptions,
  doubt: Doubt,
): Promise<TransactionInfo> {
  const deadline = performance.now() + (options.timeoutMs ?? COMMIT_TIMEOUT_MS);
  const scope = caller.scope(options);
  const backoff = new Backoff();
  let inDoubt: LakeportError | undefined;
  try {
    scope.throwIfCancelled();
    for (;;) {
      const left = deadline - performance.now();
      const timeoutMs = Math.max(Math.min(caller.timeoutMs, left), 1);
      try {
        // Without retries: after a lost response, another error of a retry would hide that the commit is in doubt.
        const committed = await commitOnce(caller, request, { ...options, timeoutMs }, { isIdempotent: false });
        doubt.isInDoubt = false;
        return committed;
      } catch (error) {
        if (!(error instanceof LakeportError)) {
          throw error;
        }
        if (mayTakeEffect(error)) {
          doubt.isInDoubt = true;
          // The error of a last attempt that was too short, or was cancelled, says less than that of the server before.
          inDoubt = error.reason === undefined || error.code === "CANCELLED" ? (inDoubt ?? error) : error;
        } else if (isVerdict(error)) {
          doubt.isInDoubt = false;
          throw error;
        }
        const last = inDoubt ?? error;
        const pause = isRepeatable(error) ? backoff.next(error) : Infinity;
        if (pause >= deadline - performance.now()) {
          throw last;
        }
        await scope.sleep(pause).catch((cancelled: unknown) => {
          throw inDoubt ?? cancelled;
        });
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

async function commitOnce(
  caller: Caller,
  request: Request,
  options: CallOptions,
  policy: Pick<Policy, "isIdempotent"> = {},
): Promise<TransactionInfo> {
  const { transaction } = await caller.unary(TransactionService.method.commitTransaction, request, options, policy);
  return transactionInfo(transaction);
}

/** Codes without a response, or with the response that the outcome is unknown. */
const IN_DOUBT: readonly StatusCode[] = ["UNAVAILABLE", "DEADLINE_EXCEEDED"];
/** Codes of a call that the server did not let in, or that the caller cancelled: they say nothing about an earlier request. */
const NOT_STARTED: readonly StatusCode[] = ["RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "CANCELLED"];

/** Returns whether a commit that failed with this error may take effect. A request that was sent cannot be taken back. */
function mayTakeEffect({ code, reason }: LakeportError): boolean {
  const isUnclear = reason === undefined && (code === "UNKNOWN" || code === "INTERNAL" || code === "DATA_LOSS");
  return IN_DOUBT.includes(code) || code === "CANCELLED" || isUnclear;
}

/** Returns whether an error that is not in doubt is the outcome of the commit, also of an earlier request. */
function isVerdict({ code, reason }: LakeportError): boolean {
  return reason !== undefined && !NOT_STARTED.includes(code);
}

function isRepeatable({ code, reason }: LakeportError): boolean {
  return IN_DOUBT.includes(code) || reason === "OVERLOADED";
}
