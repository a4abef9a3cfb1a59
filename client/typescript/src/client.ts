import { type Client as Stub, createClient } from "@connectrpc/connect";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Caller, type Connection } from "./call/caller.js";
import type { CallOptions } from "./call/options.js";
import { retentionNumber, serverInfo, stateNumber, transactionInfo } from "./convert.js";
import { Files } from "./files/files.js";
import { FileService } from "./gen/lakeport/v1/files_pb.js";
import { TransactionService } from "./gen/lakeport/v1/transactions_pb.js";
import { VersionService } from "./gen/lakeport/v1/versions_pb.js";
import { randomId } from "./ids.js";
import { MIN_IDLE_MS } from "./keep-alive.js";
import { pages } from "./pages.js";
import { refPlace, transactionPlace } from "./place.js";
import { begin, beginOwned } from "./transactions/begin.js";
import type { CommitOptions } from "./transactions/commit.js";
import { Transaction } from "./transactions/transaction.js";
import { Watches } from "./transactions/watch.js";
import type { BranchRetention, ServerInfo, TransactionInfo, TransactionState } from "./types.js";
import { Versions } from "./versions/versions.js";

/** Options of a new transaction. */
export interface BeginOptions extends CallOptions {
  /** ID of the transaction, `[A-Za-z0-9_-]{1,64}`. If one with this ID and the same options exists, returns that one. Default: a new ID. */
  readonly transactionId?: string | undefined;
  /** The transaction expires after this time in milliseconds without a call: 10 s to 24 h. Default: 10 min. */
  readonly idleTimeoutMs?: number | undefined;
  /** The transaction expires after this time in milliseconds, even if calls continue: 10 s to 7 days. Default: 24 h. */
  readonly lifetimeMs?: number | undefined;
  /** Begin a read-only transaction. It reads the commit that is now the head of the base branch. */
  readonly readOnly?: boolean | undefined;
  /** Name of the kept branch. Requires `branchRetention`. */
  readonly branch?: string | undefined;
  /** When to keep a branch with the changes after the end. Default: `delete`. */
  readonly branchRetention?: BranchRetention | undefined;
  /** Labels: at most 64, each key and value at most 256 bytes. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Keep the transaction open with calls in the background, until it ends or this object is dropped. Default: true. */
  readonly keepAlive?: boolean | undefined;
}

/** Options of {@link Client.transaction}. */
export interface ScopeOptions extends BeginOptions {
  /** Options of the commit at the end. */
  readonly commit?: CommitOptions | undefined;
}

/** Filters of a listing of transactions. */
export interface ListTransactionsOptions extends CallOptions {
  /** Only transactions of this repository. */
  readonly repository?: string | undefined;
  /** Only transactions in one of these states. */
  readonly states?: readonly TransactionState[] | undefined;
  /** Only transactions with all of these labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The generated clients of the services, for calls that this package does not offer. They have no retries and no typed errors. */
export interface Stubs {
  readonly files: Stub<typeof FileService>;
  readonly transactions: Stub<typeof TransactionService>;
  readonly versions: Stub<typeof VersionService>;
}

/** Default idle timeout of a transaction. */
const DEFAULT_IDLE_MS = 600_000;

/** A client of one server. Its calls may run concurrently. The first call opens the connection. */
export abstract class BaseClient {
  /** Repositories, branches, tags and commits. */
  readonly versions: Versions;
  /** The generated clients of the services. */
  readonly stubs: Stubs;
  readonly #caller: Caller;
  readonly #watches: Watches;

  /** @internal */
  protected constructor(connection: Connection, timeoutMs: number) {
    this.#caller = new Caller(connection, timeoutMs);
    this.#watches = new Watches(this.#caller);
    this.versions = new Versions(this.#caller);
    const { transport } = connection;
    this.stubs = {
      files: createClient(FileService, transport),
      transactions: createClient(TransactionService, transport),
      versions: createClient(VersionService, transport),
    };
  }

  /** Returns the objects of a branch, tag, commit or ref expression such as `main~1`. Sends no request. */
  files(repository: string, ref: string): Files {
    return new Files(this.#caller, refPlace(repository, ref));
  }

  /** Returns the objects of a transaction that any process of the same user began. Sends no request. */
  filesOfTransaction(transactionId: string): Files {
    return new Files(this.#caller, transactionPlace(transactionId));
  }

  /**
   * Begins a transaction. Declare the result with `await using`: the end of the block then rolls back unless the transaction was
   * committed.
   *
   * With `transactionId`, the call can be repeated: it returns the same transaction. Without it, if the call is cancelled, or fails
   * although the server may have begun the transaction, the client rolls it back in the background: nobody else knows its ID.
   *
   * Errors: NOT_FOUND if the repository or the base branch does not exist; INVALID_ARGUMENT if the base is not a branch; ALREADY_EXISTS
   * `TRANSACTION_EXISTS`; RESOURCE_EXHAUSTED `TOO_MANY_TRANSACTIONS`.
   */
  async begin(repository: string, baseBranch: string, options: BeginOptions = {}): Promise<Transaction> {
    const { idleTimeoutMs, lifetimeMs, readOnly = false, branch = "", labels = {}, keepAlive = true } = options;
    const request = {
      repository,
      baseBranch,
      transactionId: options.transactionId || randomId(),
      readOnly,
      branch,
      branchRetention: retentionNumber(options.branchRetention),
      labels,
      ...(idleTimeoutMs === undefined ? {} : { idleTimeout: durationFromMs(idleTimeoutMs) }),
      ...(lifetimeMs === undefined ? {} : { lifetime: durationFromMs(lifetimeMs) }),
    };
    const send = options.transactionId ? begin : beginOwned;
    const info = await send(this.#caller, request, options);
    const idleMs = keepAlive ? (idleTimeoutMs ?? DEFAULT_IDLE_MS) : undefined;
    return new Transaction(this.#caller, this.#watches, info, idleMs);
  }

  /**
   * Runs `work` in a transaction, and returns its result. Commits when `work` returns, and rolls back if it throws: the caller gets the
   * error of `work`. If the commit fails, rolls back too, and throws the error of the commit; but if its outcome is unknown, leaves
   * the transaction as it is. If `work` commits, rolls back or detaches the transaction, does neither. If the transaction expired or
   * another caller ended it, the commit fails.
   *
   * Errors: those of {@link BaseClient.begin} and {@link Transaction.commit}.
   */
  async transaction<T>(
    repository: string,
    baseBranch: string,
    work: (transaction: Transaction) => Promise<T>,
    options: ScopeOptions = {},
  ): Promise<T> {
    const transaction = await this.begin(repository, baseBranch, options);
    try {
      const result = await work(transaction);
      if (transaction.needsCommit) {
        await transaction.commit({ signal: options.signal, ...options.commit });
      }
      return result;
    } finally {
      await transaction[Symbol.asyncDispose]();
    }
  }

  /** Returns a transaction that any process of the same user began. It is not kept open, unless `keepAlive` is set. Errors: NOT_FOUND. */
  async getTransaction(
    transactionId: string,
    options: CallOptions & { readonly keepAlive?: boolean | undefined } = {},
  ): Promise<Transaction> {
    const { getTransaction } = TransactionService.method;
    const { transaction } = await this.#caller.unary(getTransaction, { transactionId }, options);
    // Only the process that began the transaction knows its idle timeout.
    const idleMs = options.keepAlive === true ? MIN_IDLE_MS : undefined;
    return new Transaction(this.#caller, this.#watches, transactionInfo(transaction), idleMs);
  }

  /** Yields the transactions of the user, newest first. */
  transactions(options: ListTransactionsOptions = {}): AsyncGenerator<TransactionInfo, void, undefined> {
    const { repository = "", states = [], labels = {} } = options;
    const filter = { repository, states: states.map(stateNumber), labels };
    return pages(async (pageToken) => {
      const { listTransactions } = TransactionService.method;
      const page = await this.#caller.unary(listTransactions, { ...filter, pageToken }, options);
      return { items: page.transactions.map(transactionInfo), nextPageToken: page.nextPageToken };
    });
  }

  /** Returns the versions, limits and features of the server and of its lakeFS. */
  async serverInfo(options: CallOptions = {}): Promise<ServerInfo> {
    return serverInfo(await this.#caller.unary(FileService.method.getServerInfo, {}, options));
  }

  /** Number of calls in flight. */
  get callsInFlight(): number {
    return this.#caller.inFlight;
  }

  /** Cancels all calls, and closes the connection. Later calls fail with a {@link CanceledError}. */
  close(): void {
    this.#caller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
