import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { transactionInfo } from "../convert.js";
import { AlreadyExistsError, NotFoundError } from "../errors/error.js";
import { FileService } from "../gen/lakeport/v1/files_pb.js";
import { TransactionService } from "../gen/lakeport/v1/transactions_pb.js";
import { hex } from "../ids.js";
import { type Place, transactionPlace } from "../place.js";
import { sha256 } from "../sha256.js";

/** Destination of an upload by parts. */
export interface Destination {
  /** Always with a repository. */
  readonly place: Place;
  readonly path: string;
  /** Branch from which the transaction of the parts begins. */
  readonly baseBranch: string;
}

/** Returns the destination. Throws an error if it is a transaction that has ended: its upload would fail only at the end. */
export async function resolveDestination(
  caller: Caller,
  place: Place,
  path: string,
  options: CallOptions,
): Promise<Destination> {
  const { transactionId, ref } = place;
  if (transactionId === "") {
    return { place, path, baseBranch: ref };
  }
  const { keepAliveTransaction } = TransactionService.method;
  const { transaction } = await caller.unary(keepAliveTransaction, { transactionId }, options);
  const { repository, baseBranch } = transactionInfo(transaction);
  return { place: transactionPlace(transactionId, repository), path, baseBranch };
}

/** Throws an error if the destination of a create-only upload exists, before all bytes are sent in vain. `Compose` checks again. */
export async function checkMissing(caller: Caller, { place, path }: Destination, options: CallOptions): Promise<void> {
  try {
    await caller.unary(FileService.method.stat, { ...place, path }, options);
  } catch (error) {
    if (error instanceof NotFoundError) {
      return;
    }
    throw error;
  }
  const message = `object ${JSON.stringify(path)} exists`;
  throw new AlreadyExistsError(message, "ALREADY_EXISTS", { reason: "OBJECT_EXISTS", paths: [path] });
}

export function destinationHash({ place, path }: Destination): string {
  return hashTexts([place.repository, place.ref, place.transactionId, path]);
}

/** Returns 128 bits of the SHA-256 of a list of texts, in hexadecimal. All clients hash in this way. */
export function hashTexts(texts: readonly string[]): string {
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const total = encoded.reduce((sum, bytes) => sum + 8 + bytes.length, 0);
  const all = new DataView(new ArrayBuffer(total));
  let at = 0;
  for (const bytes of encoded) {
    // With its length, ("a", "bc") and ("ab", "c") differ.
    all.setBigUint64(at, BigInt(bytes.length));
    new Uint8Array(all.buffer).set(bytes, at + 8);
    at += 8 + bytes.length;
  }
  return hex(sha256(new Uint8Array(all.buffer)).subarray(0, 16));
}
