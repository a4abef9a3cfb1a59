import { invalid, makeError } from "../errors/error.js";
import type { RandomAccess } from "../files/random-access.js";
import type { TransactionInfo } from "../types.js";
import { type Destination, destinationHash, hashTexts } from "./destination.js";
import { startAgain } from "./parts-transaction.js";
import type { Part } from "./plan.js";

/** Label: size and modification time of the file. */
const FILE = "upload-file";
/** Label: size of a part in bytes. */
const PART_BYTES = "upload-part-bytes";
/** Label: hash of the destination, whose path may be longer than a label. */
const DESTINATION = "upload-destination";
/** Label for people: the start of the destination path. */
const PATH = "upload-path";
/** Maximum size of a label in bytes. */
const MAX_LABEL_BYTES = 256;
/** Index and version of a part. */
const PART_NAME = /^(\d{5})\.\d{3}$/;

/** Returns the labels of the transaction of an upload. All clients use the same ones. */
export function uploadLabels(data: RandomAccess, destination: Destination, partBytes: number): Record<string, string> {
  return {
    [FILE]: versionOf(data),
    [PART_BYTES]: String(partBytes),
    [DESTINATION]: destinationHash(destination),
    [PATH]: shortened(destination.path),
  };
}

/** Returns a text that differs after a change of the data. */
export function versionOf(data: RandomAccess): string {
  return `${String(data.sizeBytes)}-${String(data.modifiedNs)}`;
}

/** What the labels of an upload say. */
export interface ResumedUpload {
  readonly partBytes: number;
  readonly version: string;
}

/** Checks that the data and the destination are those of an earlier upload. */
export function checkResumable(
  { transactionId: id, state, labels }: TransactionInfo,
  data: RandomAccess,
  destination: Destination,
): ResumedUpload {
  if (state !== "open") {
    const reason = state === "expired" ? "TRANSACTION_EXPIRED" : "TRANSACTION_ROLLED_BACK";
    throw startAgain(id, makeError("", "FAILED_PRECONDITION", { reason }));
  }
  const partBytes = Number(labels[PART_BYTES] ?? "");
  const version = labels[FILE];
  if (!Number.isSafeInteger(partBytes) || partBytes < 1 || version === undefined) {
    throw invalid(`transaction ${id} is not an upload`);
  }
  if (labels[DESTINATION] !== destinationHash(destination)) {
    throw invalid(`upload ${id} has another destination; its path is ${JSON.stringify(labels[PATH] ?? "")}`);
  }
  if (!isSameVersion(version, data)) {
    const message = `${data.name} has changed since upload ${id} began: its size or modification time differs; start again, without the ID`;
    throw makeError(message, "ABORTED");
  }
  return { partBytes, version };
}

/** Compares versions with the precision of the data: browsers round the modification time of a file. */
function isSameVersion(version: string, data: RandomAccess): boolean {
  const [, size, modified] = /^(\d+)-(-?\d+)$/.exec(version) ?? [];
  if (size === undefined || modified === undefined || size !== String(data.sizeBytes)) {
    return false;
  }
  const difference = BigInt(modified) - data.modifiedNs;
  return difference >= 0n && difference < data.precisionNs;
}

/** Names of the parts of an upload. */
export class PartNames {
  /**
   * Prefix of the paths of all parts. It contains a hash of the destination, of the version of the data, and of the part size, so that
   * parts of different uploads are never mixed.
   */
  readonly prefix: string;
  /** Idempotency key of the `Compose`. */
  readonly requestId: string;

  constructor(id: string, destination: Destination, version: string, partBytes: number) {
    const to = destinationHash(destination);
    this.prefix = `lakeport-upload/${hashTexts([id, to, version, String(partBytes)])}/`;
    this.requestId = hashTexts(["compose", id, to]);
  }

  /** Returns a path for a part. Different versions have the same bytes. */
  path({ index }: Part, version: number): string {
    return `${this.prefix}${pad(index, 5)}.${pad(version, 3)}`;
  }

  /** Returns the index of the part that a path names. */
  indexOf(path: string): number | undefined {
    const [, index] = path.startsWith(this.prefix) ? (PART_NAME.exec(path.slice(this.prefix.length)) ?? []) : [];
    return index === undefined ? undefined : Number(index);
  }
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}

/** Returns the longest start of a text that fits into a label. */
function shortened(text: string): string {
  const bytes = new TextEncoder().encode(text);
  let end = Math.min(bytes.length, MAX_LABEL_BYTES);
  // Do not cut within a character: its further bytes begin with the bits 10.
  while (end < bytes.length && end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) {
    end--;
  }
  return new TextDecoder().decode(bytes.subarray(0, end));
}
