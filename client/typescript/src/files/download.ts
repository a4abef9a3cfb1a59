import type { MessageInitShape } from "@bufbuild/protobuf";
import { crc32c } from "../checksum.js";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { fileInfo, toBigInt, toNumber } from "../convert.js";
import { badResponse, corrupt, invalid, type LakeportError, makeError, UnavailableError } from "../errors/error.js";
import { FileService, type ReadRequestSchema, type ReadResponse } from "../gen/lakeport/v1/files_pb.js";
import { sleep } from "../sleep.js";
import type { FileInfo } from "../types.js";
import { readableStream } from "./streams.js";

/** Range and preconditions of a read. */
export interface ReadOptions extends CallOptions {
  /** Offset of the first byte. A negative offset counts from the end. Default: 0. */
  readonly offset?: number | undefined;
  /** Maximum number of bytes, at least 1. Default: to the end. */
  readonly limit?: number | undefined;
  /** Read only if the object has this etag. Otherwise the call fails with `ETAG_MISMATCH`. */
  readonly ifMatch?: string | undefined;
  /** Read only if the object has another etag. Otherwise the call fails with `NOT_MODIFIED`. */
  readonly ifNoneMatch?: string | undefined;
}

/** Maximum number of consecutive resumes without new bytes. */
const MAX_RESUMES = 4;
const RESUME_DELAY_MS = 100;

type Request = MessageInitShape<typeof ReadRequestSchema>;

/**
 * The bytes of an object, in order. Iterate over it, or use one of {@link Download.stream}, {@link Download.bytes} and
 * {@link Download.text}. Only one of them can be used, and only once. Close a download that is not read to its end.
 *
 * If the connection is lost, the download continues at the next byte. It requires the same etag: if the object changed, the download
 * fails with `ETAG_MISMATCH` and never mixes two versions. It verifies the CRC32C of each message, and the number of bytes.
 */
export class Download implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  /** The object, without user metadata. */
  readonly info: FileInfo;
  /** Offset of the first byte in the object. */
  readonly offset: number;
  /** Number of bytes of the download. */
  readonly sizeBytes: number;
  readonly #caller: Caller;
  readonly #request: Request;
  readonly #options: CallOptions;
  readonly #closing: AbortController;
  readonly #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined>;
  /** Offset of the next byte. */
  #next: number;
  #isUsed = false;

  private constructor(
    caller: Caller,
    request: Request,
    options: CallOptions,
    closing: AbortController,
    first: ReadResponse,
    rest: AsyncGenerator<ReadResponse, void, undefined>,
  ) {
    this.info = fileInfo(first.info);
    this.offset = this.#next = toNumber(first.offset);
    const limit = toNumber(BigInt(request.readLimit ?? 0)) || Infinity;
    this.sizeBytes = Math.min(this.info.sizeBytes - this.offset, limit);
    this.#caller = caller;
    this.#request = request;
    this.#options = options;
    this.#closing = closing;
    this.#chunks = this.#read(first, rest);
  }

  /** @internal */
  static async open(caller: Caller, request: Request, options: CallOptions): Promise<Download> {
    const closing = new AbortController();
    const messages = caller.stream(FileService.method.read, request, options, { closing: closing.signal });
    try {
      const first = await messages.next();
      if (first.done === true) {
        throw badResponse("the response to a read is empty");
      }
      return new Download(caller, request, options, closing, first.value, messages);
    } catch (error) {
      closing.abort();
      throw error;
    }
  }

  /** Yields the bytes in pieces of up to 2 MiB. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    if (this.#isUsed) {
      throw invalid("a download can be read only once: open the object again");
    }
    this.#isUsed = true;
    return this.#chunks;
  }

  /** Returns the bytes as a stream. To cancel the stream closes the download. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return readableStream(this[Symbol.asyncIterator](), () => this.close());
  }

  /** Returns all bytes. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks = this[Symbol.asyncIterator]();
    try {
      const all = this.#allocate();
      let length = 0;
      for await (const chunk of chunks) {
        all.set(chunk, length);
        length += chunk.length;
      }
      return all;
    } finally {
      await this.close();
    }
  }

  /** Returns all bytes as text in UTF-8. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** Ends the call at once, if it is still in flight. Can be called more than once. */
  close(): Promise<void> {
    this.#closing.abort();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#read(
    first: ReadResponse,
    rest: AsyncGenerator<ReadResponse, void, undefined>,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    let messages: AsyncIterable<ReadResponse> = startingWith(first, rest);
    for (let failures = 0; ; failures++) {
      try {
        for await (const message of messages) {
          if (message.data.length > 0) {
            yield this.#accept(message);
            failures = 0;
          }
        }
        this.#checkEnd();
        return;
      } catch (error) {
        if (!isResumable(error) || failures >= MAX_RESUMES) {
          throw error;
        }
      }
      if (this.#left === 0) {
        return;
      }
      await sleep(failures * RESUME_DELAY_MS, this.#closing.signal);
      messages = this.#resume();
    }
  }

  #allocate(): Uint8Array<ArrayBuffer> {
    try {
      return new Uint8Array(this.sizeBytes);
    } catch (cause) {
      const message = `${String(this.sizeBytes)} bytes do not fit into memory: read the object in pieces`;
      throw makeError(message, "OUT_OF_RANGE", { cause });
    }
  }

  get #left(): number {
    return this.offset + this.sizeBytes - this.#next;
  }

  #accept(message: ReadResponse): Uint8Array<ArrayBuffer> {
    const offset = toNumber(message.offset);
    if (offset !== this.#next) {
      throw badResponse(`it sent data at offset ${String(offset)}, but offset ${String(this.#next)} comes next`);
    }
    if (message.data.length > this.#left) {
      throw corrupt("the server sent more bytes than it announced");
    }
    const data = verifiedData(message);
    this.#next += data.length;
    return data;
  }

  #checkEnd(): void {
    if (this.#left > 0) {
      throw new UnavailableError(`the response ended ${String(this.#left)} bytes too early`, "UNAVAILABLE");
    }
  }

  #resume(): AsyncGenerator<ReadResponse, void, undefined> {
    const request: Request = {
      ...this.#request,
      readOffset: BigInt(this.#next),
      readLimit: BigInt(this.#left),
      ifMatch: this.info.etag,
      ifNoneMatch: "",
    };
    return this.#caller.stream(FileService.method.read, request, this.#options, { closing: this.#closing.signal });
  }
}

/** Returns the fields of a read request. */
export function readFields(options: ReadOptions): Request {
  return {
    readOffset: toBigInt(options.offset ?? 0, "offset", -Infinity),
    readLimit: options.limit === undefined ? 0n : toBigInt(options.limit, "limit", 1),
    ifMatch: options.ifMatch ?? "",
    ifNoneMatch: options.ifNoneMatch ?? "",
    checksum: true,
  };
}

/** Returns the data of a message after checking its CRC32C. */
export function verifiedData({ data, crc32c: sum, offset }: ReadResponse): Uint8Array<ArrayBuffer> {
  if (sum !== undefined && sum !== crc32c(data)) {
    throw corrupt(`the bytes at offset ${String(offset)} do not match their checksum`);
  }
  return data as Uint8Array<ArrayBuffer>;
}

/** Returns whether a read can continue after an error. Overload was already waited out, within the timeout. */
export function isResumable(error: unknown): error is LakeportError {
  return error instanceof UnavailableError;
}

async function* startingWith<T>(
  first: T,
  rest: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}
