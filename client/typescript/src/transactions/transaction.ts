import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { commit as toCommit, modeNumber, pathChange, transactionInfo } from "../convert.js";
import { LakeportError } from "../errors/error.js";
import { Files } from "../files/files.js";
import { TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import { VersionService } from "../gen/lakeport/v1/versions_pb.js";
import { randomId } from "../ids.js";
import { KeepAlive } from "../keep-alive.js";
import { transactionPlace } from "../place.js";
import type { Commit, DiffMode, PathChange, TransactionInfo, TransactionStatus } from "../types.js";
import type { CreateCommitOptions, LogOptions, RevertOptions } from "../versions/options.js";
import { logRequest } from "../versions/requests.js";
import { commit, type CommitOptions, commitRequest, type Doubt, validate } from "./commit.js";
import type { Watches } from "./watch.js";

/** Maximum time for the rollback at the end of a scope. After it, the transaction expires by itself. */
const DISPOSE_MS = 10_000;

/**
 * The objects of a transaction, which other callers do not see until a commit publishes all of its changes or none.
 *
 * With `await using`, the end of the block rolls the transaction back unless it was committed. The server holds the transaction:
 * another process can continue it by its ID, and without an end by a client, it expires.
 */
export class Transaction extends Files {
  readonly #watches: Watches;
  readonly #keepAlive: KeepAlive | undefined;
  #info: TransactionInfo;
  #isDetached = false;
  #isEnded = false;
  readonly #doubt: Doubt = { isInDoubt: false };

  /** @internal `keepAliveMs` is the idle timeout, if the client keeps the transaction open. */
  constructor(caller: Caller, watches: Watches, info: TransactionInfo, keepAliveMs: number | undefined) {
    super(caller, transactionPlace(info.transactionId));
    this.#watches = watches;
    this.#info = info;
    if (keepAliveMs !== undefined) {
      // If the program drops this object without an end, the transaction may expire.
      const self = new WeakRef(this);
      this.#keepAlive = new KeepAlive(caller, info.transactionId, keepAliveMs, () => self.deref() !== undefined);
    }
  }

  /** ID of the transaction, with which any process of the same user can continue it. */
  get id(): string {
    return this.#info.transactionId;
  }

  /** The transaction, as the last response described it. */
  get info(): TransactionInfo {
    return this.#info;
  }

  /** Whether the last response described the transaction as neither committed, rolled back nor expired. */
  get isUnfinished(): boolean {
    return this.#info.state === "open" || this.#info.state === "committing";
  }

  /**
   * Whether the end of a scope must commit: neither did this object end the transaction, nor was it detached. If another caller ended the
   * transaction, or it expired, the commit fails.
   *
   * @internal
   */
  get needsCommit(): boolean {
    return !this.#isEnded && !this.#isDetached;
  }

  /**
   * Publishes all changes of the transaction. Repeats the request while its outcome is unknown: a retry returns the same commit.
   *
   * Errors: a {@link ConflictError}, FAILED_PRECONDITION `HOOK_REJECTED`, `BASE_DIRTY` or `LAKEFS_FAILED`, and PERMISSION_DENIED leave the
   * transaction open: commit it again with other options, or roll it back. ALREADY_EXISTS `TAG_EXISTS`; FAILED_PRECONDITION if the
   * transaction has ended; UNAVAILABLE `COMMIT_IN_DOUBT` if the outcome is still unknown after the timeout: call again.
   */
  async commit(options: CommitOptions = {}): Promise<TransactionInfo> {
    return this.#ended(await commit(this.caller, commitRequest(this.id, options), options, this.#doubt));
  }

  /** Checks whether a commit would succeed now, and changes nothing. Errors: those of {@link Transaction.commit}. */
  async validate(options: CommitOptions = {}): Promise<void> {
    await validate(this.caller, commitRequest(this.id, options), options);
  }

  /**
   * Ends the transaction and publishes nothing. Errors: FAILED_PRECONDITION `TRANSACTION_COMMITTED`, or `TRANSACTION_COMMITTING` while a
   * commit may still take effect.
   */
  async rollback(options: CallOptions = {}): Promise<TransactionInfo> {
    const { rollbackTransaction } = TransactionService.method;
    const { transaction } = await this.caller.unary(rollbackTransaction, { transactionId: this.id }, options);
    return this.#ended(transactionInfo(transaction));
  }

  /** Requests the current state of the transaction. */
  async refresh(options: CallOptions = {}): Promise<TransactionInfo> {
    const { getTransaction } = TransactionService.method;
    const { transaction } = await this.caller.unary(getTransaction, { transactionId: this.id }, options);
    return (this.#info = transactionInfo(transaction));
  }

  /** Restarts the idle timeout. Every read or write in the transaction does the same. */
  async keepAlive(options: CallOptions = {}): Promise<TransactionInfo> {
    const { keepAliveTransaction } = TransactionService.method;
    const { transaction } = await this.caller.unary(keepAliveTransaction, { transactionId: this.id }, options);
    return (this.#info = transactionInfo(transaction));
  }

  /** Yields the paths that the transaction changed, in byte order, with those in conflict with the base branch. */
  async *changes(options: CallOptions & { prefix?: string } = {}): AsyncGenerator<PathChange, void, undefined> {
    const request = { transactionId: this.id, prefix: options.prefix ?? "" };
    for await (const page of this.caller.stream(TransactionService.method.listTransactionChanges, request, options)) {
      yield* page.changes.map(pathChange);
    }
  }

  /**
   * Yields the current status, and then each change of the state, the epoch or the queue position, until the transaction has ended.
   * Continues after a lost connection. Several watches of one transaction share a call.
   */
  watch(options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<TransactionStatus, void, undefined> {
    return this.#watches.watch(this.id, options);
  }

  /** Creates a commit in the transaction, which stays open. Errors: FAILED_PRECONDITION `NO_CHANGES`. */
  async createCommit(message: string, options: CreateCommitOptions = {}): Promise<Commit> {
    const { metadata = {}, allowEmpty = false, requestId = randomId() } = options;
    const request = { transactionId: this.id, message, metadata, allowEmpty, requestId };
    const { createCommit } = VersionService.method;
    return toCommit((await this.caller.unary(createCommit, request, options, { isIdempotent: true })).commit);
  }

  /** Returns the last commit in the transaction, or the commit from which it began. */
  async head(options: CallOptions = {}): Promise<Commit> {
    const request = { transactionId: this.id };
    return toCommit((await this.caller.unary(VersionService.method.getCommit, request, options)).commit);
  }

  /** Yields the history of the transaction, newest commit first. */
  async *log(options: LogOptions = {}): AsyncGenerator<Commit, void, undefined> {
    const request = { ...logRequest(options), transactionId: this.id };
    for await (const { commits } of this.caller.stream(VersionService.method.log, request, options)) {
      yield* commits.map(toCommit);
    }
  }

  /** Yields the paths that differ from the base commit, in byte order. */
  async *diff(
    options: CallOptions & { prefix?: string; mode?: DiffMode } = {},
  ): AsyncGenerator<PathChange, void, undefined> {
    const request = { transactionId: this.id, prefix: options.prefix ?? "", mode: modeNumber(options.mode) };
    for await (const page of this.caller.stream(VersionService.method.diff, request, options)) {
      yield* page.changes.map(pathChange);
    }
  }

  /** Reverts a commit in the transaction, which must have no uncommitted changes. Errors: ABORTED `MERGE_CONFLICT`; `NO_CHANGES`. */
  async revert(ref: string, options: RevertOptions = {}): Promise<Commit> {
    const { message = "", metadata = {}, parentNumber = 0, requestId = randomId() } = options;
    const request = { transactionId: this.id, ref, parentNumber, message, metadata, requestId };
    const { revert } = VersionService.method;
    return toCommit((await this.caller.unary(revert, request, options, { isIdempotent: true })).commit);
  }

  /** Leaves the transaction to another process: stops to keep it open, and the end of a scope no longer rolls it back. */
  detach(): void {
    this.#isDetached = true;
    this.#keepAlive?.stop();
  }

  /**
   * Rolls the transaction back unless it has ended, or its commit may still take effect. Ignores errors: the transaction then expires.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#keepAlive?.stop();
    if (!this.isUnfinished || this.#isDetached || this.#doubt.isInDoubt) {
      return;
    }
    try {
      await this.rollback({ timeoutMs: DISPOSE_MS });
    } catch (error) {
      if (!(error instanceof LakeportError)) {
        throw error;
      }
    }
  }

  #ended(info: TransactionInfo): TransactionInfo {
    this.#info = info;
    this.#isEnded = true;
    this.#keepAlive?.stop();
    return info;
  }
}
