import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { crc32c } from "../checksum.js";
import { mapLimited } from "../concurrency.js";
import { fileInfo } from "../convert.js";
import { badResponse, corrupt, LakeportError } from "../errors/error.js";
import { errorOfStatus } from "../errors/status.js";
import type { Status } from "../gen/google/rpc/status_pb.js";
import {
  type BatchReadItem,
  type BatchStatItem,
  FileService,
  type ReadRequestSchema,
} from "../gen/lakeport/v1/files_pb.js";
import type { Place } from "../place.js";
import type { FileInfo } from "../types.js";
import { splitPaths } from "./batch-split.js";
import { Download, isResumable } from "./download.js";

/** The result for one item of a batch: a value, or the error of this item. */
export type Result<T> = T | LakeportError;

/** Returns the values of a batch. Throws the first error, if an item failed. */
export function unwrap<T>(results: readonly Result<T>[]): T[] {
  return results.map((result) => {
    if (result instanceof LakeportError) {
      throw result;
    }
    return result;
  });
}

/** Maximum number of consecutive resumes without a result. */
const MAX_RESUMES = 4;
/** Maximum number of objects that are too large for a batch and are read at the same time. */
const LARGE_READS = 3;

export async function statMany(
  caller: Caller,
  place: Place,
  paths: Iterable<string>,
  options: CallOptions,
): Promise<Result<FileInfo>[]> {
  const send = (part: string[]) => caller.stream(FileService.method.batchStat, { ...place, paths: part }, options);
  return all<BatchStatItem, FileInfo>(paths, send, (item) => fileInfo(item.info));
}

export async function readMany(
  caller: Caller,
  place: Place,
  paths: Iterable<string>,
  options: CallOptions,
): Promise<Result<Uint8Array<ArrayBuffer>>[]> {
  const send = (part: string[]) => caller.stream(FileService.method.batchRead, { ...place, paths: part }, options);
  const wanted = Array.from(paths);
  const results = await all<BatchReadItem, Uint8Array<ArrayBuffer>>(wanted, send, verifiedItem);
  const large = [...results.entries()].filter(([, result]) => isTooLarge(result));
  await mapLimited(large, LARGE_READS, async ([index]) => {
    results[index] = await readLarge(caller, { ...place, path: wanted[index] ?? "", checksum: true }, options);
  });
  return results;
}

/** A batch reads whole objects, so no other range can be out of bounds. */
function isTooLarge(result: unknown): boolean {
  return result instanceof LakeportError && result.reason === "RANGE_OUT_OF_BOUNDS";
}

/** Reads an object that is too large for a batch. */
async function readLarge(
  caller: Caller,
  request: MessageInitShape<typeof ReadRequestSchema>,
  options: CallOptions,
): Promise<Result<Uint8Array<ArrayBuffer>>> {
  try {
    return await (await Download.open(caller, request, options)).bytes();
  } catch (error) {
    // An error with a reason concerns this object. Without one, the connection failed, as for a batch.
    if (error instanceof LakeportError && error.reason !== undefined) {
      return error;
    }
    throw error;
  }
}

function verifiedItem({ data, crc32c: sum, info }: BatchReadItem): Uint8Array<ArrayBuffer> {
  if (sum !== undefined && sum !== crc32c(data)) {
    throw corrupt(`the bytes of ${JSON.stringify(info?.path ?? "")} do not match their checksum`);
  }
  return data as Uint8Array<ArrayBuffer>;
}

interface Item {
  readonly index: number;
  readonly status?: Status | undefined;
}

/** Sends batches one after the other, and returns the results in the order of the paths. */
async function all<I extends Item, T>(
  paths: Iterable<string>,
  send: (paths: string[]) => AsyncIterable<{ items: I[] }>,
  convert: (item: I) => T,
): Promise<Result<T>[]> {
  const results: Result<T>[] = [];
  for (const part of splitPaths(paths)) {
    results.push(...(await batch(part, send, convert)));
  }
  return results;
}

/** Sends one batch. After a lost connection, sends the paths without a result again. */
async function batch<I extends Item, T>(
  paths: readonly string[],
  send: (paths: string[]) => AsyncIterable<{ items: I[] }>,
  convert: (item: I) => T,
): Promise<Result<T>[]> {
  const results = new Map<number, Result<T>>();
  for (let failures = 0; ;) {
    const missing = Array.from(paths.keys()).filter((index) => !results.has(index));
    const before = results.size;
    try {
      for await (const { items } of send(missing.map((index) => paths[index] ?? ""))) {
        for (const item of items) {
          results.set(missing[item.index] ?? -1, resultOf(item, convert));
        }
      }
      return inOrder(results, paths.length);
    } catch (error) {
      failures = results.size > before ? 0 : failures + 1;
      if (!isResumable(error) || failures > MAX_RESUMES) {
        throw error;
      }
    }
  }
}

function resultOf<I extends Item, T>(item: I, convert: (item: I) => T): Result<T> {
  return item.status !== undefined && item.status.code !== 0 ? errorOfStatus(item.status) : convert(item);
}

function inOrder<T>(results: ReadonlyMap<number, Result<T>>, count: number): Result<T>[] {
  return Array.from({ length: count }, (_, index) => {
    const result = results.get(index);
    if (result === undefined) {
      throw badResponse(`the response has no result for item ${String(index)} of ${String(count)}`);
    }
    return result;
  });
}
