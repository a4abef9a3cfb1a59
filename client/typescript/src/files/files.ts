import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { fileInfo, toBigInt, toDate } from "../convert.js";
import { LakeportError } from "../errors/error.js";
import { FileService } from "../gen/lakeport/v1/files_pb.js";
import { randomId } from "../ids.js";
import type { Place } from "../place.js";
import type { FileInfo, ListPage } from "../types.js";
import { Upload, type UploadOptions } from "../uploads/upload.js";
import { readMany, type Result, statMany } from "./batch.js";
import { compose } from "./compose.js";
import { Download, readFields, type ReadOptions } from "./download.js";
import { type ListOptions, listPages } from "./list.js";
import { copy, type CopyOptions, deleteMany, deleteOne, type DeleteOptions, move, type MoveOptions } from "./many.js";
import { BlobData } from "./blob-data.js";
import type { RandomAccess } from "./random-access.js";
import { type Range, type RangeResult, readRanges } from "./ranges.js";
import { type Data, type Source, sourceOf } from "./source.js";
import { storeObject } from "./store.js";
import type { WriteHeader } from "./streaming-write.js";
import { type NewObject, writeMany } from "./write-many.js";
import { ObjectWriter } from "./writer.js";

/** Properties and preconditions of a write. */
export interface WriteOptions extends CallOptions {
  /** MIME type. Default: the server guesses it from the file extension of the path, else `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** User metadata: at most 256 keys, and 64 KiB in total. Keys must match `[a-z0-9._-]+`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Size of the data in bytes. If the data has another size, the write fails with `WRITE_INCOMPLETE`. Default: the size, if known. */
  readonly sizeBytes?: number | undefined;
  /** Fail with `OBJECT_EXISTS` if the object exists. */
  readonly createOnly?: boolean | undefined;
  /** Idempotency key of a create-only write, `[A-Za-z0-9_-]{1,64}`. Default: a new one, which all retries of the call share. */
  readonly writeId?: string | undefined;
}

/** Options of a concatenation. */
export interface ComposeOptions extends CallOptions {
  readonly contentType?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Expected size in bytes. If it differs, the call fails with `WRITE_INCOMPLETE`. */
  readonly sizeBytes?: number | undefined;
  /** Expected CRC32C. If it differs, the call fails with `CHECKSUM_MISMATCH`. */
  readonly crc32c?: number | undefined;
  /** Fail with `OBJECT_EXISTS` if the destination exists. */
  readonly createOnly?: boolean | undefined;
  /** Ref of the sources. Default: the branch or transaction of the destination. */
  readonly sourceRef?: string | undefined;
  /** Transaction of the sources, in the same repository. */
  readonly sourceTransactionId?: string | undefined;
  /** Delete the sources after the destination is stored. */
  readonly deleteSources?: boolean | undefined;
  /** Idempotency key, `[A-Za-z0-9_-]{1,64}`. Default: a new one, which all retries of the call share. */
  readonly requestId?: string | undefined;
}

/** A URL from which an object can be read without credentials. */
export interface PresignedUrl {
  readonly url: string;
  /** `undefined` if lakeFS does not report it. */
  readonly expireTime: Date | undefined;
}

/**
 * The objects of a branch, tag, commit, ref expression or transaction. Paths are keys of lakeFS: 1 to 1,024 bytes of UTF-8, never
 * normalized. Writes need a branch or a transaction.
 *
 * Any call can fail with `UNAUTHENTICATED`, `PERMISSION_DENIED`, `UNAVAILABLE`, `RESOURCE_EXHAUSTED`, `DEADLINE_EXCEEDED` or
 * `CANCELLED`. The comments of a call list its other errors.
 */
export class Files {
  /** @internal */
  readonly caller: Caller;
  /** @internal */
  readonly place: Place;

  /** @internal */
  constructor(caller: Caller, place: Place) {
    this.caller = caller;
    this.place = place;
  }

  /** Returns the metadata of an object. Errors: NOT_FOUND. */
  async stat(path: string, options: CallOptions = {}): Promise<FileInfo> {
    const { info } = await this.caller.unary(FileService.method.stat, { ...this.place, path }, options);
    return fileInfo(info);
  }

  /** Returns whether an object exists. Errors: NOT_FOUND if the repository, the ref or the transaction does not exist. */
  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof LakeportError && error.reason === "OBJECT_NOT_FOUND") {
        return false;
      }
      throw error;
    }
  }

  /**
   * Returns all bytes of an object, or of a range.
   *
   * Errors: NOT_FOUND; OUT_OF_RANGE if the offset is after the end; FAILED_PRECONDITION `ETAG_MISMATCH` or `NOT_MODIFIED`; DATA_LOSS if
   * the bytes are damaged.
   */
  async read(path: string, options: ReadOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.open(path, options)).bytes();
  }

  /** Returns the text of an object in UTF-8. Errors: those of {@link Files.read}. */
  async readText(path: string, options: ReadOptions = {}): Promise<string> {
    return (await this.open(path, options)).text();
  }

  /** Begins to read an object, or a range. Returns when the first bytes arrive. Errors: those of {@link Files.read}. */
  async open(path: string, options: ReadOptions = {}): Promise<Download> {
    return Download.open(this.caller, { ...this.place, path, ...readFields(options) }, options);
  }

  /**
   * Reads ranges of one version of an object, which must not overlap. Returns the bytes or the error of each, in order.
   *
   * Errors: NOT_FOUND; ABORTED `OBJECT_CHANGED`. A range that starts after the end has an OUT_OF_RANGE result.
   */
  async readRanges(
    path: string,
    ranges: readonly Range[],
    options: Omit<ReadOptions, "offset" | "limit"> = {},
  ): Promise<RangeResult[]> {
    const { ifMatch = "", ifNoneMatch = "" } = options;
    const request = { ...this.place, path, ifMatch, ifNoneMatch, checksum: true };
    return readRanges(this.caller, request, ranges, options);
  }

  /**
   * Stores an object, completely or not at all. If the data is a stream or an iterable and fails, nothing is stored, and the call throws
   * its error. Data in memory, a Blob or a file is sent again after a lost connection.
   *
   * Errors: ALREADY_EXISTS with `createOnly`; INVALID_ARGUMENT `REF_NOT_A_BRANCH` or `WRITE_INCOMPLETE`; PERMISSION_DENIED; UNAVAILABLE
   * `WRITE_IN_DOUBT` if the object may or may not be stored: call again.
   */
  async write(path: string, data: Data, options: WriteOptions = {}): Promise<FileInfo> {
    return this.#store(path, sourceOf(data), options);
  }

  /** Returns a stream whose bytes become an object when it is closed. Errors: those of {@link Files.write}. */
  writable(path: string, options: WriteOptions = {}): ObjectWriter {
    return new ObjectWriter((source, aborted) => {
      const signal = options.signal === undefined ? aborted : AbortSignal.any([options.signal, aborted]);
      return this.#store(path, source, { ...options, signal });
    });
  }

  /**
   * Begins or resumes an upload of data of any size that another process can continue. Sends no bytes yet: keep the ID, then call
   * {@link Upload.run}.
   *
   * Errors: INVALID_ARGUMENT if the upload to resume has another destination; ABORTED if its data has changed; NOT_FOUND or
   * FAILED_PRECONDITION if it is unknown or has ended; ALREADY_EXISTS with `createOnly`.
   */
  async resumableUpload(path: string, data: Blob | RandomAccess, options: UploadOptions = {}): Promise<Upload> {
    const found = data instanceof Blob ? new BlobData(data) : data;
    return Upload.prepare(this.caller, this.place, path, found, options);
  }

  /**
   * Yields the objects with a prefix, in byte order. Requests pages on demand. Errors: NOT_FOUND if the repository or the ref does not
   * exist; INVALID_ARGUMENT.
   */
  async *list(options: ListOptions = {}): AsyncGenerator<FileInfo, void, undefined> {
    for await (const { entries } of this.listPages(options)) {
      yield* entries;
    }
  }

  /** Like {@link Files.list}, but yields pages with tokens. Errors: also INVALID_ARGUMENT `PAGE_TOKEN_INVALID`. */
  listPages(options: ListOptions = {}): AsyncGenerator<ListPage, void, undefined> {
    return listPages(this.caller, this.place, options);
  }

  /**
   * Deletes an object, or a tree. Returns the number of deleted objects. Errors: NOT_FOUND, unless `allowMissing`; a
   * {@link PartialFailureError} with the objects that could not be deleted.
   */
  async delete(path: string, options: DeleteOptions = {}): Promise<number> {
    return deleteOne(this.caller, this.place, path, options);
  }

  /**
   * Deletes objects. Returns the number of deleted objects. Errors: a {@link PartialFailureError} with the objects that could not be
   * deleted, in the order of `paths`.
   */
  async deleteMany(paths: Iterable<string>, options: Omit<DeleteOptions, "recursive"> = {}): Promise<number> {
    return deleteMany(this.caller, this.place, paths, options);
  }

  /**
   * Copies an object or a tree to `path`, on the server. Returns the paths of the copies. Within a repository, lakeFS copies without
   * the bytes. Errors: NOT_FOUND; INVALID_ARGUMENT if source and destination overlap; a {@link PartialFailureError}.
   */
  async copy(sourcePath: string, path: string, options: CopyOptions = {}): Promise<string[]> {
    return copy(this.caller, this.place, sourcePath, path, options);
  }

  /**
   * Copies an object or a tree to `path`, and then deletes the sources. If a copy fails, no source is deleted. Returns the new paths.
   * Errors: those of {@link Files.copy}; ABORTED `OBJECT_CHANGED`.
   */
  async move(sourcePath: string, path: string, options: MoveOptions = {}): Promise<string[]> {
    return move(this.caller, this.place, sourcePath, path, options);
  }

  /**
   * Concatenates 1 to 10,000 objects, in order, into one object. Errors: NOT_FOUND if a source does not exist; ABORTED `OBJECT_CHANGED`;
   * INVALID_ARGUMENT `WRITE_INCOMPLETE` or `CHECKSUM_MISMATCH`; ALREADY_EXISTS with `createOnly`; FAILED_PRECONDITION `PARTIAL_FAILURE` if
   * the object is stored and some sources could not be deleted: call again with the same `requestId`.
   */
  async compose(sourcePaths: Iterable<string>, path: string, options: ComposeOptions = {}): Promise<FileInfo> {
    const { contentType = "", metadata = {}, sourceRef = "", sourceTransactionId = "", requestId = "" } = options;
    const { sizeBytes, crc32c, createOnly = false, deleteSources = false } = options;
    const request = {
      ...this.place,
      path,
      contentType,
      metadata,
      sourcePaths: [...sourcePaths],
      sourceRef,
      sourceTransactionId,
      deleteSources,
      requestId,
      ifNoneMatch: createOnly ? "*" : "",
      ...(sizeBytes === undefined ? {} : { sizeBytes: toBigInt(sizeBytes, "sizeBytes") }),
      ...(crc32c === undefined ? {} : { objectCrc32c: crc32c }),
    };
    return compose(this.caller, request, options);
  }

  /** Returns the metadata of each object, or its error, in order. See {@link unwrap}. */
  async statMany(paths: Iterable<string>, options: CallOptions = {}): Promise<Result<FileInfo>[]> {
    return statMany(this.caller, this.place, paths, options);
  }

  /**
   * Reads whole objects. Returns the bytes of each, or its error, in order. See {@link unwrap}. Objects of at most 3 MiB share calls. The
   * client reads each larger object with a separate call.
   */
  async readMany(paths: Iterable<string>, options: CallOptions = {}): Promise<Result<Uint8Array<ArrayBuffer>>[]> {
    return readMany(this.caller, this.place, paths, options);
  }

  /**
   * Stores many objects. Returns the stored object or the error of each, in order. See {@link unwrap}. All or nothing only in a
   * transaction.
   */
  async writeMany(objects: Iterable<NewObject>, options: CallOptions = {}): Promise<Result<FileInfo>[]> {
    return writeMany(this.caller, this.place, objects, options);
  }

  /** Replaces the user metadata of an object. Errors: NOT_FOUND. */
  async setMetadata(
    path: string,
    metadata: Readonly<Record<string, string>>,
    options: CallOptions = {},
  ): Promise<FileInfo> {
    const request = { ...this.place, path, metadata };
    const { info } = await this.caller.unary(FileService.method.setMetadata, request, options);
    return fileInfo(info);
  }

  /** Returns a URL to read an object. Errors: NOT_FOUND; UNIMPLEMENTED if the object store does not support presigned URLs. */
  async presign(path: string, options: CallOptions = {}): Promise<PresignedUrl> {
    const request = { ...this.place, path };
    const { url, expireTime } = await this.caller.unary(FileService.method.presign, request, options);
    return { url, expireTime: toDate(expireTime) };
  }

  async #store(path: string, source: Source, options: WriteOptions): Promise<FileInfo> {
    const { contentType = "", metadata = {}, createOnly = false, writeId } = options;
    const sizeBytes = options.sizeBytes ?? source.sizeBytes;
    const header: WriteHeader = {
      ...this.place,
      path,
      contentType,
      metadata,
      ...(createOnly ? { ifNoneMatch: "*", writeId: writeId ?? randomId() } : {}),
      ...(sizeBytes === undefined ? {} : { sizeBytes: toBigInt(sizeBytes, "sizeBytes") }),
    };
    return (await storeObject(this.caller, header, source, options)).info;
  }
}
