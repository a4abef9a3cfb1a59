import type { FileInfo } from "../types.js";
import { bytesOf, type Source, type SourceReader } from "./source.js";

/**
 * A stream to which the bytes of an object are written. `close` publishes the object. `abort`, an error or a lost connection publishes
 * nothing. Pieces can have any size.
 */
export class ObjectWriter extends WritableStream<Uint8Array | string> {
  /** The stored object. Resolves when the stream is closed, and rejects if the upload fails. */
  readonly info: Promise<FileInfo>;

  /** @internal */
  constructor(store: (source: Source, signal: AbortSignal) => Promise<FileInfo>) {
    const channel = new Channel();
    const aborting = new AbortController();
    const storing = store(channel.source, aborting.signal);
    const ended = storing.then(
      () => undefined,
      (error: unknown) => {
        channel.fail(error);
      },
    );
    super({
      start: (controller) => {
        // `abort` waits for a write in flight, which may wait for the server.
        controller.signal.addEventListener("abort", () => {
          aborting.abort(controller.signal.reason);
        });
        // The stream may be idle when the upload fails.
        storing.catch((error: unknown) => {
          controller.error(error);
        });
      },
      write: (piece) => channel.push(bytesOf(piece)),
      close: async () => {
        channel.end();
        await storing;
      },
      abort: () => ended,
    });
    this.info = storing;
  }
}

/** Passes the pieces of a writer to the reader of an upload, one at a time. */
class Channel {
  readonly source: Source;
  #piece: Uint8Array | undefined;
  #isTaken = false;
  #isEnded = false;
  #failure: { error: unknown } | undefined;
  #wakeReader = (): void => undefined;
  #wakeWriter = (): void => undefined;

  constructor() {
    const reader: SourceReader = {
      next: () => this.#next(),
      cancel: () => undefined,
    };
    this.source = { sizeBytes: undefined, isRepeatable: false, open: () => reader };
  }

  /** Waits until the reader has used the piece, or the upload fails. */
  async push(piece: Uint8Array): Promise<void> {
    this.#piece = piece;
    this.#wakeReader();
    while (this.#isFull) {
      if (this.#failure !== undefined) {
        throw this.#failure.error;
      }
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  get #isFull(): boolean {
    return this.#piece !== undefined;
  }

  end(): void {
    this.#isEnded = true;
    this.#wakeReader();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wakeWriter();
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#isTaken) {
      // The reader has used the last piece: the writer may reuse its memory now.
      this.#piece = undefined;
      this.#isTaken = false;
      this.#wakeWriter();
    }
    while (this.#piece === undefined && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
    this.#isTaken = this.#piece !== undefined;
    return this.#piece;
  }
}
