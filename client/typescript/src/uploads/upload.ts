import type { Caller } from "../call/caller.js";
import { Backoff } from "../call/retry.js";
import type { CallOptions } from "../call/options.js";
import { combineCrc32c, crc32c } from "../checksum.js";
import { LakeportError } from "../errors/error.js";
import { compose } from "../files/compose.js";
import { listPages } from "../files/list.js";
import type { RandomAccess } from "../files/random-access.js";
import { partSource } from "../files/source.js";
import { storeObject } from "../files/store.js";
import { KeepAlive, MIN_IDLE_MS } from "../keep-alive.js";
import { mapLimited } from "../concurrency.js";
import { type Place, transactionPlace } from "../place.js";
import { rollBack } from "../transactions/rollback.js";
import type { FileInfo } from "../types.js";
import { checkMissing, type Destination, resolveDestination } from "./destination.js";
import { checkResumable, PartNames, uploadLabels, versionOf } from "./labels.js";
import { AFTER_ERROR_MS, beginParts, findParts, startAgain } from "./parts-transaction.js";
import { type Part, Plan } from "./plan.js";

/** Options of a resumable upload. */
export interface UploadOptions extends CallOptions {
  /** Resumes this upload, with the same data and destination. Default: begin a new upload. */
  readonly resumeId?: string | undefined;
  /** MIME type. Default: the server guesses it from the file extension of the path, else `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** User metadata. Keys must be lower case. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fail with `OBJECT_EXISTS` if the object exists. */
  readonly createOnly?: boolean | undefined;
  /**
   * Size of a part in bytes. Larger if there would be more than 10,000 parts. A resumed upload keeps its part size. Default: 64 MiB, and
   * 3.5 MiB in browsers.
   */
  readonly partBytes?: number | undefined;
  /** Number of parts that are sent in parallel. Default: 4, and 3 in browsers. */
  readonly parallelism?: number | undefined;
  /** Maximum total pause in milliseconds between the retries of one call while the server is unavailable. Default: 5 min. */
  readonly retryForMs?: number | undefined;
}

/** Progress of an upload. All bytes pass through the server twice: in parts, and when it composes the object. */
export interface UploadProgress {
  readonly sizeBytes: number;
  /** Bytes that were sent in parts, or were stored by an earlier run. Decreases when a part fails and is sent again. */
  readonly sentBytes: number;
  /** Bytes that the server has composed. Decreases when the call fails and is sent again. */
  readonly composedBytes: number;
}

/** Options of {@link Upload.run}. */
export interface RunOptions extends CallOptions {
  /**
   * Is called from time to time. If it throws, the upload fails with that error. Nothing is published then, unless the server has
   * already composed the object.
   */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

const DEFAULT_RETRY_MS = 300_000;

interface StoredPart {
  readonly path: string;
  readonly crc32c: number;
}

/**
 * An upload that another process can continue with its {@link Upload.resumeId}: until 24 hours after the last part, and at most for 7
 * days. Nothing is visible at the destination until the upload is complete.
 */
export class Upload {
  /** ID for {@link UploadOptions.resumeId}: the ID of the transaction that holds the parts. */
  readonly resumeId: string;
  readonly #caller: Caller;
  readonly #data: RandomAccess;
  readonly #destination: Destination;
  readonly #options: UploadOptions;
  readonly #plan: Plan;
  readonly #names: PartNames;

  private constructor(
    caller: Caller,
    data: RandomAccess,
    destination: Destination,
    options: UploadOptions,
    parts: { id: string; version: string; partBytes: number },
  ) {
    this.#caller = caller;
    this.#data = data;
    this.#destination = destination;
    this.#options = options;
    this.resumeId = parts.id;
    this.#plan = new Plan(data.sizeBytes, parts.partBytes);
    this.#names = new PartNames(parts.id, destination, parts.version, this.#plan.partBytes);
  }

  /** @internal */
  static async prepare(
    caller: Caller,
    place: Place,
    path: string,
    data: RandomAccess,
    options: UploadOptions,
  ): Promise<Upload> {
    const destination = await resolveDestination(caller, place, path, options);
    if (options.resumeId) {
      try {
        const found = await findParts(caller, options.resumeId, options);
        const parts = { id: found.transactionId, ...checkResumable(found, data, destination) };
        return new Upload(caller, data, destination, options, parts);
      } catch (error) {
        throw startAgain(options.resumeId, error);
      }
    }
    if (options.createOnly) {
      await checkMissing(caller, destination, options);
    }
    const { partBytes } = new Plan(data.sizeBytes, options.partBytes ?? defaults(caller).partBytes);
    const id = await beginParts(caller, destination, uploadLabels(data, destination, partBytes), options);
    return new Upload(caller, data, destination, options, { id, version: versionOf(data), partBytes });
  }

  /**
   * Sends the parts that are not stored yet, and composes the object. After an error for which {@link isResumable} is true, the parts
   * remain: call this again, or continue in another process. After another error, and after success, the parts are deleted.
   *
   * Errors: `ABORTED` if the data changed during the upload; NOT_FOUND or FAILED_PRECONDITION if the transaction with the parts has
   * ended; or an error of `write`.
   */
  async run(options: RunOptions = {}): Promise<FileInfo> {
    const run = new Run(this.#caller, this.#options, options, this.#data.sizeBytes);
    const { transactionId } = this.#destination.place;
    const keepAlive = transactionId === "" ? undefined : new KeepAlive(this.#caller, transactionId, MIN_IDLE_MS);
    try {
      const info = await this.#transfer(run);
      await rollBack(this.#caller, this.resumeId);
      return info;
    } catch (error) {
      if (!isResumable(error)) {
        await rollBack(this.#caller, this.resumeId, AFTER_ERROR_MS);
      }
      throw error;
    } finally {
      keepAlive?.stop();
    }
  }

  async #transfer(run: Run): Promise<FileInfo> {
    const storing = this.#storeParts(run);
    // First the change of the data: if a file shrinks, a part fails with WRITE_INCOMPLETE, for example.
    await storing.catch(() => undefined);
    await this.#data.checkUnchanged();
    return this.#compose(await storing, run);
  }

  /** Stores the missing parts, and returns all parts in order. */
  async #storeParts(run: Run): Promise<StoredPart[]> {
    const stored = await run.persist(() => this.#listParts(run.call));
    const parallelism = this.#options.parallelism ?? defaults(this.#caller).parallelism;
    return mapLimited(this.#plan.parts(), parallelism, async (part) => {
      // If there are several versions, the last one: an earlier one may have been stored late, after a run composed the last one. The
      // same request to compose needs the same paths.
      const found = stored.get(part.index)?.findLast(({ sizeBytes }) => sizeBytes === part.length);
      return found === undefined ? this.#storePart(part, run) : this.#checkPart(part, found.path, run);
    });
  }

  async #listParts(options: CallOptions): Promise<Map<number, FileInfo[]>> {
    const stored = new Map<number, FileInfo[]>();
    const filter = { ...options, prefix: this.#names.prefix };
    for await (const { entries } of listPages(this.#caller, transactionPlace(this.resumeId), filter)) {
      for (const info of entries) {
        const index = this.#names.indexOf(info.path);
        if (index !== undefined) {
          stored.set(index, [...(stored.get(index) ?? []), info]);
        }
      }
    }
    return stored;
  }

  /** Reads a part that is stored, because the object needs its checksum. */
  async #checkPart({ offset, length }: Part, path: string, run: Run): Promise<StoredPart> {
    const reader = this.#data.open(offset, length);
    let sum = 0;
    try {
      for (let piece = await reader.next(); piece !== undefined; piece = await reader.next()) {
        run.throwIfAborted();
        sum = crc32c(piece, sum);
      }
    } finally {
      reader.cancel();
    }
    run.sent(length);
    return { path, crc32c: sum };
  }

  /**
   * Stores a part. After `WRITE_IN_DOUBT`, the next attempt uses another path: the same path is blocked for up to 70 s, if a client was
   * killed while it wrote the part.
   */
  async #storePart(part: Part, run: Run): Promise<StoredPart> {
    let version = 0;
    const source = { ...partSource(this.#data, part.offset, part.length), isRepeatable: false };
    return run.persist(async () => {
      const path = this.#names.path(part, version);
      const header = { transactionId: this.resumeId, path, sizeBytes: BigInt(part.length) };
      try {
        const sent = (bytes: number) => {
          run.sent(bytes);
        };
        const { crc32c } = await storeObject(this.#caller, header, source, run.call, sent, this.resumeId);
        return { path, crc32c };
      } catch (error) {
        version += error instanceof LakeportError && error.reason === "WRITE_IN_DOUBT" ? 1 : 0;
        throw startAgain(this.resumeId, error);
      }
    });
  }

  async #compose(parts: readonly StoredPart[], run: Run): Promise<FileInfo> {
    const lengths = Array.from(this.#plan.parts(), ({ length }) => length);
    const sum = parts.reduce((before, part, index) => combineCrc32c(before, part.crc32c, lengths[index] ?? 0), 0);
    const { contentType = "", metadata = {}, createOnly } = this.#options;
    const request = {
      ...this.#destination.place,
      path: this.#destination.path,
      contentType,
      metadata,
      ifNoneMatch: createOnly ? "*" : "",
      sizeBytes: BigInt(this.#data.sizeBytes),
      objectCrc32c: sum,
      sourceTransactionId: this.resumeId,
      sourcePaths: parts.map(({ path }) => path),
      // The rollback deletes the parts. If this client is killed now, the next run finds all parts, and gets the same object.
      requestId: this.#names.requestId,
    };
    return run.persist(() =>
      compose(this.#caller, request, run.call, (bytes) => {
        run.composed(bytes);
      }),
    );
  }
}

/** Progress, cancellation and retries of one run. */
class Run {
  /** Options of the calls. */
  readonly call: CallOptions;
  readonly #caller: Caller;
  readonly #retryForMs: number;
  readonly #sizeBytes: number;
  readonly #onProgress: RunOptions["onProgress"];
  #sentBytes = 0;
  #composedBytes = 0;
  /** First error of `onProgress`. */
  #failure: { error: unknown } | undefined;

  constructor(caller: Caller, upload: UploadOptions, options: RunOptions, sizeBytes: number) {
    this.#caller = caller;
    this.#retryForMs = upload.retryForMs ?? DEFAULT_RETRY_MS;
    this.#sizeBytes = sizeBytes;
    this.#onProgress = options.onProgress;
    this.call = { signal: options.signal ?? upload.signal, timeoutMs: options.timeoutMs ?? upload.timeoutMs };
  }

  throwIfAborted(): void {
    const scope = this.#caller.scope(this.call);
    scope.end();
    scope.throwIfCancelled();
  }

  sent(bytes: number): void {
    this.#sentBytes += bytes;
    this.#report();
  }

  composed(bytes: number): void {
    this.#composedBytes = bytes;
    this.#report();
  }

  /**
   * Repeats a call while the server is unavailable. The sum of the pauses is limited. The time of the attempts does not count: a large
   * part on a slow line may take long.
   */
  async persist<T>(attempt: () => Promise<T>): Promise<T> {
    const scope = this.#caller.scope(this.call);
    const backoff = new Backoff();
    let leftMs = this.#retryForMs;
    try {
      for (;;) {
        scope.throwIfCancelled();
        try {
          return await attempt();
        } catch (error) {
          if (this.#failure !== undefined || !isTemporary(error)) {
            throw error;
          }
          const pause = backoff.next(error);
          leftMs -= pause;
          if (leftMs < 0) {
            throw error;
          }
          await scope.sleep(pause);
        }
      }
    } finally {
      scope.end();
    }
  }

  /** Calls `onProgress`, until it throws. Then throws the same error again: parts in flight still report their progress. */
  #report(): void {
    if (this.#failure !== undefined) {
      throw this.#failure.error;
    }
    try {
      this.#onProgress?.({
        sizeBytes: this.#sizeBytes,
        sentBytes: this.#sentBytes,
        composedBytes: this.#composedBytes,
      });
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

function defaults(caller: Caller): { partBytes: number; parallelism: number } {
  return caller.connection.canStreamRequests
    ? { partBytes: 64 << 20, parallelism: 4 }
    : { partBytes: 3.5 * (1 << 20), parallelism: 3 };
}

function isTemporary(error: unknown): error is LakeportError {
  return (
    error instanceof LakeportError &&
    (error.code === "UNAVAILABLE" || error.reason === "OVERLOADED" || error.reason === "PARTIAL_FAILURE")
  );
}

const ENDED = ["TRANSACTION_NOT_FOUND", "TRANSACTION_COMMITTED", "TRANSACTION_ROLLED_BACK", "TRANSACTION_EXPIRED"];

/**
 * Returns whether an {@link Upload} that failed with this error can be resumed. False if the data changed, if a transaction has ended,
 * or if the request is invalid.
 */
export function isResumable(error: unknown): boolean {
  if (!(error instanceof LakeportError)) {
    // The data could not be read.
    return true;
  }
  if (error.reason !== undefined) {
    return !ENDED.includes(error.reason) && error.code !== "INVALID_ARGUMENT";
  }
  return ["UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED", "UNKNOWN"].includes(error.code);
}
