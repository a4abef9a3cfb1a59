import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { combineCrc32c } from "../checksum.js";
import { invalid } from "../errors/error.js";
import { randomId } from "../ids.js";
import type { Place } from "../place.js";
import { rollBack } from "../transactions/rollback.js";
import { checkMissing, type Destination, resolveDestination } from "../uploads/destination.js";
import { AFTER_ERROR_MS, beginParts } from "../uploads/parts-transaction.js";
import { MAX_PARTS } from "../uploads/plan.js";
import { compose } from "./compose.js";
import { type Frame, Frames } from "./frames.js";
import { checkSize, MAX_SMALL_BYTES, smallWrite } from "./small-write.js";
import type { Source } from "./source.js";
import { type OnSent, type Stored, streamingWrite, type WriteHeader } from "./streaming-write.js";

/** Maximum number of pieces of one object in flight. A browser opens at most six connections to a host. */
const PIECES_IN_FLIGHT = 3;

/**
 * Stores an object. If the transport cannot stream requests, stores a large object in pieces and composes them. `parts` is a
 * transaction that can hold the pieces; without it, begins one.
 */
export async function storeObject(
  caller: Caller,
  header: WriteHeader,
  source: Source,
  options: CallOptions,
  onSent: OnSent = () => undefined,
  parts?: string,
): Promise<Stored> {
  if (caller.connection.canStreamRequests) {
    return streamingWrite(caller, header, source, options, onSent);
  }
  const frames = new Frames(source.open(), MAX_SMALL_BYTES);
  const scope = caller.scope(options);
  try {
    const first = await scope.orCancelled(frames.next());
    if (first.isLast) {
      const stored = await smallWrite(caller, header, first.data, options);
      onSent(first.data.length);
      return stored;
    }
    const next = () => scope.orCancelled(frames.next());
    const upload = new PiecewiseUpload(caller, header, options, onSent);
    return await upload.run(first, next, parts);
  } finally {
    frames.cancel();
    scope.end();
  }
}

/** Stores an object in pieces, which are objects of a transaction, and composes them. */
class PiecewiseUpload {
  readonly #caller: Caller;
  readonly #header: WriteHeader;
  readonly #options: CallOptions;
  readonly #onSent: OnSent;
  readonly #prefix = `lakeport-upload/pieces-${randomId()}/`;
  readonly #paths: string[] = [];
  readonly #sums: Promise<{ crc32c: number; length: number }>[] = [];
  #sentBytes = 0;

  constructor(caller: Caller, header: WriteHeader, options: CallOptions, onSent: OnSent) {
    this.#caller = caller;
    this.#header = header;
    this.#options = options;
    this.#onSent = onSent;
  }

  async run(first: Frame, next: () => Promise<Frame>, parts: string | undefined): Promise<Stored> {
    const { repository = "", ref = "", transactionId = "", path = "" } = this.#header;
    const place: Place = { repository, ref, transactionId };
    const destination = await resolveDestination(this.#caller, place, path, this.#options);
    if (this.#header.ifNoneMatch) {
      await checkMissing(this.#caller, destination, this.#options);
    }
    const id = parts ?? (await beginParts(this.#caller, destination, {}, this.#options));
    try {
      await this.#storePieces(first, next, id);
      const stored = await this.#compose(destination, id);
      if (parts === undefined) {
        await rollBack(this.#caller, id);
      }
      return stored;
    } catch (error) {
      await Promise.allSettled(this.#sums);
      if (parts === undefined) {
        await rollBack(this.#caller, id, AFTER_ERROR_MS);
      }
      this.#onSent(-this.#sentBytes);
      throw error;
    }
  }

  async #storePieces(first: Frame, next: () => Promise<Frame>, id: string): Promise<void> {
    for (let frame = first; ; frame = await next()) {
      // The last frame may be empty.
      if (frame.data.length > 0) {
        await this.#storePiece(frame.data, id);
      }
      if (frame.isLast) {
        return;
      }
    }
  }

  /** Begins to store a piece. Waits until fewer pieces are in flight. */
  async #storePiece(data: Uint8Array, id: string): Promise<void> {
    if (this.#paths.length === MAX_PARTS) {
      throw invalid("the upload of a stream has at most 34 GiB here: use resumableUpload for larger data");
    }
    const path = `${this.#prefix}${String(this.#paths.length).padStart(5, "0")}`;
    this.#paths.push(path);
    // The source may reuse its memory while the piece is in flight.
    const piece = data.slice();
    const storing = this.#send(path, piece, id);
    storing.catch(() => undefined);
    this.#sums.push(storing);
    await this.#sums[this.#sums.length - PIECES_IN_FLIGHT];
  }

  async #send(path: string, piece: Uint8Array, id: string): Promise<{ crc32c: number; length: number }> {
    const { crc32c } = await smallWrite(this.#caller, { transactionId: id, path }, piece, this.#options);
    this.#sentBytes += piece.length;
    this.#onSent(piece.length);
    return { crc32c, length: piece.length };
  }

  async #compose({ place, path }: Destination, id: string): Promise<Stored> {
    let sum = 0;
    let total = 0;
    for (const { crc32c, length } of await Promise.all(this.#sums)) {
      sum = combineCrc32c(sum, crc32c, length);
      total += length;
    }
    checkSize(this.#header, total);
    const { contentType = "", metadata = {}, ifNoneMatch = "" } = this.#header;
    const request = {
      ...place,
      path,
      contentType,
      metadata,
      ifNoneMatch,
      sizeBytes: BigInt(total),
      objectCrc32c: sum,
      sourceTransactionId: id,
      sourcePaths: this.#paths,
    };
    return { info: await compose(this.#caller, request, this.#options), crc32c: sum };
  }
}
