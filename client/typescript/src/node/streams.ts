import { Readable, Writable } from "node:stream";
import type { Download, ReadOptions } from "../files/download.js";
import type { Files, WriteOptions } from "../files/files.js";
import type { FileInfo } from "../types.js";

/** Returns a stream with the bytes of an object, or of a range. To destroy the stream ends the call. Errors: those of `Files.read`. */
export function createReadStream(files: Files, path: string, options: ReadOptions = {}): Readable {
  return new ObjectReadStream(files, path, options);
}

/**
 * Returns a stream whose bytes become an object when it ends. To destroy it before publishes nothing. Errors: those of `Files.write`.
 */
export function createWriteStream(files: Files, path: string, options: WriteOptions = {}): ObjectWriteStream {
  return new ObjectWriteStream(files, path, options);
}

class ObjectReadStream extends Readable {
  readonly #open: () => Promise<Download>;
  readonly #stopping = new AbortController();
  #download: Download | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;

  constructor(files: Files, path: string, options: ReadOptions) {
    super({ highWaterMark: 0 });
    const stopped = this.#stopping.signal;
    const signal = options.signal === undefined ? stopped : AbortSignal.any([options.signal, stopped]);
    this.#open = () => files.open(path, { ...options, signal });
  }

  override _read(): void {
    this.#next().then(
      (chunk) => {
        this.push(chunk);
      },
      (error: unknown) => {
        this.destroy(error as Error);
      },
    );
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#stopping.abort();
    callback(error);
  }

  async #next(): Promise<Uint8Array | null> {
    this.#download ??= await this.#open();
    this.#chunks ??= this.#download[Symbol.asyncIterator]();
    const next = await this.#chunks.next();
    return next.done === true ? null : next.value;
  }
}

/** A stream whose bytes become an object when it ends. */
export class ObjectWriteStream extends Writable {
  /** The stored object. Rejects if the upload fails or the stream is destroyed. */
  readonly info: Promise<FileInfo>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array | string>;

  /** @internal */
  constructor(files: Files, path: string, options: WriteOptions) {
    super();
    const writer = files.writable(path, options);
    this.info = writer.info;
    this.#writer = writer.getWriter();
    // A failed upload must end a stream that waits for its program.
    this.#writer.closed.catch((error: unknown) => {
      this.destroy(error as Error);
    });
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, callback: (error?: Error | null) => void): void {
    settle(this.#writer.write(chunk), callback);
  }

  /** Several small pieces take one step, not one each. */
  override _writev(pieces: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    settle(this.#writer.write(Buffer.concat(pieces.map(({ chunk }) => chunk))), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    settle(this.#writer.close(), callback);
  }

  // `Writable.fromWeb` would close the upload here, and so publish a part of the object.
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const aborted = this.writableFinished ? Promise.resolve() : this.#writer.abort(error ?? undefined);
    settle(aborted, () => {
      callback(error);
    });
  }
}

function settle(promise: Promise<void>, callback: (error?: Error | null) => void): void {
  promise.then(
    () => {
      callback();
    },
    (error: unknown) => {
      callback(error as Error);
    },
  );
}
