import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Caller, Progress } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import type { CallScope } from "../call/scope.js";
import { combineCrc32c, crc32c } from "../checksum.js";
import { fileInfo } from "../convert.js";
import { badResponse, CanceledError } from "../errors/error.js";
import { FileService, type WriteRequestSchema, type WriteResponse } from "../gen/lakeport/v1/files_pb.js";
import type { FileInfo } from "../types.js";
import { type Frame, Frames } from "./frames.js";
import type { Source } from "./source.js";

/** Size of the data in one message. */
const FRAME_BYTES = 1 << 20;

/**
 * Bytes are not held back for longer than this: an upload may pause for any time, but a server that is out of permits ends uploads
 * that sent no bytes for 30 s.
 */
const STALL_MS = 5000;

/** The first message of an upload, without data. */
export type WriteHeader = MessageInitShape<typeof WriteRequestSchema>;

/** A stored object, and the CRC32C of its bytes. */
export interface Stored {
  readonly info: FileInfo;
  readonly crc32c: number;
}

/** Is called with the number of bytes that were sent, or with a negative number if an attempt failed. */
export type OnSent = (bytes: number) => void;

/**
 * Stores an object with one stream of messages. Nothing is published unless the source ends without an error. Throws the error of the
 * source if the source fails.
 */
export async function streamingWrite(
  caller: Caller,
  header: WriteHeader,
  source: Source,
  options: CallOptions,
  onSent: OnSent = () => undefined,
): Promise<Stored> {
  const scope = caller.scope(options);
  const progress = new Progress(caller.timeoutOf(options));
  const failure = new ProgramFailure(scope);
  const sent = (bytes: number) => {
    failure.run(() => {
      onSent(bytes);
    });
  };
  const attempt = async () => {
    const attempt = new Attempt(caller, scope, progress, failure);
    try {
      return await attempt.run(header, source, sent);
    } catch (error) {
      sent(-attempt.sentBytes);
      throw error;
    }
  };
  try {
    // A second attempt would find a source that was read, and store an incomplete object.
    return source.isRepeatable ? await caller.retried(scope, progress, attempt) : await caller.once(scope, attempt);
  } catch (error) {
    throw failure.or(error);
  } finally {
    scope.end();
  }
}

/** The first error of the program: of its source, or of its function for the progress. */
class ProgramFailure {
  #first: { error: unknown } | undefined;
  readonly #scope: CallScope;

  constructor(scope: CallScope) {
    this.#scope = scope;
  }

  /** Stores the error, and cancels the call: a stream of messages must not end normally, and no retry can help. */
  set(error: unknown): void {
    this.#first ??= { error };
    this.#scope.cancel(new CanceledError("the program failed during the upload", "CANCELLED", { cause: error }));
  }

  /** Runs a function of the program. */
  run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.set(error);
      throw error;
    }
  }

  /** Returns the error of the program, or else the error of the call. */
  or(error: unknown): unknown {
    return this.#first === undefined ? error : this.#first.error;
  }
}

/** One attempt to store an object. */
class Attempt {
  readonly #caller: Caller;
  readonly #scope: CallScope;
  readonly #progress: Progress;
  readonly #failure: ProgramFailure;
  #crc32c = 0;
  #isOver = false;
  sentBytes = 0;

  constructor(caller: Caller, scope: CallScope, progress: Progress, failure: ProgramFailure) {
    this.#caller = caller;
    this.#scope = scope;
    this.#progress = progress;
    this.#failure = failure;
  }

  async run(header: WriteHeader, source: Source, onSent: OnSent): Promise<Stored> {
    const frames = new Frames(
      this.#failure.run(() => source.open()),
      FRAME_BYTES,
      STALL_MS,
    );
    try {
      // The server waits at most 30 s for the first message, and the source may need longer.
      const first = await this.#scope.orCancelled(this.#next(frames));
      const response = await this.#call(this.#messages(header, first, frames, onSent));
      return { info: fileInfo(response.info), crc32c: this.#crc32c };
    } finally {
      this.#isOver = true;
      this.#scope.stopTimer();
      frames.cancel();
    }
  }

  async #call(messages: AsyncIterable<WriteHeader>): Promise<WriteResponse> {
    const { transport } = this.#caller.connection;
    const { write } = FileService.method;
    // From here, the source is not the cause of a delay: the time of the connection counts too.
    this.#progress.made();
    this.#startTimer();
    const response = await transport.stream(write, this.#scope.signal, undefined, undefined, messages);
    let found: WriteResponse | undefined;
    for await (const message of response.message) {
      found = message;
    }
    if (found === undefined) {
      throw badResponse("the response to a write is empty");
    }
    return found;
  }

  /** Yields the messages. The timer runs while the server has to take a message, or to respond to the last one. */
  async *#messages(header: WriteHeader, first: Frame, frames: Frames, onSent: OnSent): AsyncGenerator<WriteHeader> {
    let message = this.#message(header, first);
    for (let frame = first; ;) {
      this.#startTimer();
      yield message;
      this.sentBytes += frame.data.length;
      onSent(frame.data.length);
      this.#progress.made();
      if (frame.isLast) {
        this.#startTimer();
        return;
      }
      this.#scope.stopTimer();
      frame = await this.#next(frames);
      this.#progress.made();
      message = this.#message({}, frame);
    }
  }

  /** Returns the next frame. If the source fails, cancels the call: a stream of messages must not end normally then. */
  async #next(frames: Frames): Promise<Frame> {
    try {
      return await frames.next();
    } catch (error) {
      // After the end of the attempt, the source fails because it was cancelled.
      if (!this.#isOver) {
        this.#failure.set(error);
      }
      throw error;
    }
  }

  #startTimer(): void {
    const timeoutMs = this.#progress.timeoutMs;
    const server = this.#caller.connection.server;
    this.#scope.startTimer(timeoutMs, `${server} made no progress with Write for ${String(timeoutMs / 1000)} s`);
  }

  #message(header: WriteHeader, { data, isLast }: Frame): WriteHeader {
    const sum = crc32c(data);
    this.#crc32c = combineCrc32c(this.#crc32c, sum, data.length);
    return {
      ...header,
      writeOffset: BigInt(this.sentBytes),
      crc32c: sum,
      ...(isLast ? { objectCrc32c: this.#crc32c, finishWrite: true } : {}),
      data: data,
    };
  }
}
