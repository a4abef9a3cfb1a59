import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { expect, toBigInt, toNumber } from "../convert.js";
import { badResponse, corrupt, type LakeportError, UnavailableError } from "../errors/error.js";
import { errorOfStatus } from "../errors/status.js";
import {
  FileService,
  type ReadRange,
  ReadRangeSchema,
  type ReadRequestSchema,
  type ReadResponse,
} from "../gen/lakeport/v1/files_pb.js";
import { isResumable, verifiedData } from "./download.js";
import { concat } from "./source.js";

/** A range of an object. */
export interface Range {
  /** Offset of the first byte. A negative offset counts from the end. */
  readonly offset: number;
  /** Maximum number of bytes, at least 1. Default: to the end. */
  readonly limit?: number | undefined;
}

/** The bytes of a range, or its error. */
export type RangeResult = Uint8Array<ArrayBuffer> | LakeportError;

/** Maximum number of ranges of one request. */
const MAX_RANGES = 1000;
/** Maximum number of consecutive resumes without a further complete range. */
const MAX_RESUMES = 4;

type Request = MessageInitShape<typeof ReadRequestSchema>;

/**
 * Reads ranges of an object. After a lost connection, reads the incomplete ranges again. All bytes are from one version of the
 * object.
 */
export async function readRanges(
  caller: Caller,
  request: Request,
  ranges: readonly Range[],
  options: CallOptions,
): Promise<RangeResult[]> {
  const wanted = ranges.map(({ offset, limit }, index) =>
    create(ReadRangeSchema, {
      readOffset: toBigInt(offset, `offset of range ${String(index)}`, -Infinity),
      readLimit: limit === undefined ? 0n : toBigInt(limit, `limit of range ${String(index)}`, 1),
    }),
  );
  const results: RangeResult[] = [];
  let etag = request.ifMatch ?? "";
  for (let failures = 0; results.length < ranges.length;) {
    const before = results.length;
    const reader = new RangeReader(results, wanted.slice(before, before + MAX_RANGES), etag);
    try {
      const part = { ...request, ranges: reader.wanted, ifMatch: etag };
      for await (const message of caller.stream(FileService.method.read, part, options)) {
        reader.accept(message);
      }
      reader.end();
    } catch (error) {
      failures = results.length > before ? 0 : failures + 1;
      if (!isResumable(error) || failures > MAX_RESUMES) {
        throw error;
      }
    }
    etag = reader.etag;
  }
  return results;
}

/** Collects the ranges of one response, which arrive one after the other. */
class RangeReader {
  readonly wanted: ReadRange[];
  readonly #results: RangeResult[];
  readonly #before: number;
  etag: string;
  #sizeBytes = 0;
  #start = 0;
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #length = 0;
  #index = 0;

  constructor(results: RangeResult[], wanted: ReadRange[], etag: string) {
    this.#results = results;
    this.#before = results.length;
    this.wanted = wanted;
    this.etag = etag;
  }

  accept(message: ReadResponse): void {
    if (message.info !== undefined) {
      this.etag = message.info.etag;
      this.#sizeBytes = toNumber(message.info.sizeBytes);
    }
    while (this.#index < message.rangeIndex) {
      this.#finish();
    }
    if (message.rangeStatus !== undefined && message.rangeStatus.code !== 0) {
      this.#push(errorOfStatus(message.rangeStatus));
      return;
    }
    const offset = toNumber(message.offset);
    if (this.#length === 0) {
      this.#start = offset;
    } else if (offset !== this.#start + this.#length) {
      throw badResponse(`it skipped bytes of range ${String(this.#before + this.#index)}`);
    }
    this.#pieces.push(verifiedData(message));
    this.#length += message.data.length;
  }

  /** Checks and stores the last range. */
  end(): void {
    while (this.#index < this.wanted.length) {
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#isStored) {
      this.#index++;
      return;
    }
    const missing = this.#expected() - this.#length;
    if (missing > 0) {
      throw new UnavailableError("the response ended before all bytes of a range arrived", "UNAVAILABLE");
    }
    if (missing < 0) {
      throw corrupt("the server sent more bytes than it announced");
    }
    this.#push(concat(this.#pieces, this.#length));
    this.#index++;
  }

  /** Returns the number of bytes of the current range. The server sends no message for an empty range. */
  #expected(): number {
    const { readOffset, readLimit } = expect(this.wanted[this.#index], "range");
    const offset = Number(readOffset) < 0 ? this.#sizeBytes + Number(readOffset) : Number(readOffset);
    const start = this.#pieces.length > 0 ? this.#start : Math.max(offset, 0);
    return Math.max(0, Math.min(this.#sizeBytes - start, Number(readLimit) || Infinity));
  }

  get #isStored(): boolean {
    return this.#results.length > this.#before + this.#index;
  }

  #push(result: RangeResult): void {
    this.#results.push(result);
    this.#pieces = [];
    this.#length = 0;
  }
}
