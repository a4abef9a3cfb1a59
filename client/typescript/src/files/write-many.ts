import { create } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { crc32c } from "../checksum.js";
import { mapLimited } from "../concurrency.js";
import { fileInfo } from "../convert.js";
import { badResponse, invalid, LakeportError } from "../errors/error.js";
import { errorOfStatus } from "../errors/status.js";
import { type BatchWriteItem, BatchWriteItemSchema, FileService } from "../gen/lakeport/v1/files_pb.js";
import { randomId } from "../ids.js";
import type { Place } from "../place.js";
import type { FileInfo } from "../types.js";
import type { Result } from "./batch.js";
import { byteLength, splitByWeight } from "./batch-split.js";
import { bytesSource } from "./source.js";
import { storeObject } from "./store.js";

/** An object to store with others. */
export interface NewObject {
  readonly path: string;
  /** Text is stored in UTF-8. */
  readonly data: string | Uint8Array;
  /** MIME type. Default: the server guesses it from the file extension of the path, else `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** User metadata. Keys must be lower case. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fail with `OBJECT_EXISTS` if the object exists. */
  readonly createOnly?: boolean | undefined;
}

/** Maximum size of a batch in bytes. It is a quarter of the limit, so that batches overlap and large objects are streamed. */
const BATCH_BYTES = 1 << 20;
/** Size of the response for an item, without its texts. Each text has four more bytes. */
const ITEM_OVERHEAD = 256;
const TEXT_OVERHEAD = 4;

interface Numbered {
  readonly index: number;
  readonly item: BatchWriteItem;
}

/**
 * Stores many objects. Returns the result of each, in order. If a path occurs more than once, only its first object is stored.
 */
export async function writeMany(
  caller: Caller,
  place: Place,
  objects: Iterable<NewObject>,
  options: CallOptions,
): Promise<Result<FileInfo>[]> {
  const results: Result<FileInfo>[] = [];
  const seen = new Set<string>();
  const items: Numbered[] = [];
  for (const [index, object] of Array.from(objects).entries()) {
    if (seen.has(object.path)) {
      results[index] = invalid(`the batch has the path ${JSON.stringify(object.path)} more than once`);
    } else {
      seen.add(object.path);
      items.push({ index, item: itemOf(object) });
    }
  }
  const concurrency = caller.connection.canStreamRequests ? 8 : 3;
  await mapLimited(
    splitByWeight(items, ({ item }) => weight(item), BATCH_BYTES),
    concurrency,
    async (part) => {
      const [first] = part;
      const stored =
        part.length === 1 && first !== undefined
          ? [await storeOne(caller, place, first.item, options)]
          : await storeBatch(caller, place, part, options);
      part.forEach(({ index }, at) => {
        results[index] = stored[at] ?? badResponse("the response of a batch has too few results");
      });
    },
  );
  return results;
}

function itemOf({ path, data, contentType = "", metadata = {}, createOnly = false }: NewObject): BatchWriteItem {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  const condition = createOnly ? { ifNoneMatch: "*", writeId: randomId() } : {};
  const item = create(BatchWriteItemSchema, { path, contentType, metadata, ...condition });
  item.data = bytes;
  return item;
}

/** Returns the size of an item in the request and in the response: the batch must fit into both. */
function weight({ path, contentType, metadata, data }: BatchWriteItem): number {
  const texts = [path, contentType, ...Object.entries(metadata).flat()];
  return texts.reduce((sum, text) => sum + byteLength(text) + TEXT_OVERHEAD, ITEM_OVERHEAD + data.length);
}

async function storeOne(
  caller: Caller,
  place: Place,
  { path, contentType, metadata, ifNoneMatch, writeId, data }: BatchWriteItem,
  options: CallOptions,
): Promise<Result<FileInfo>> {
  const header = { ...place, path, contentType, metadata, ifNoneMatch, writeId, sizeBytes: BigInt(data.length) };
  try {
    return (await storeObject(caller, header, bytesSource(data), options)).info;
  } catch (error) {
    // An error with a reason concerns this object. Without one, the connection failed, as for a batch.
    if (error instanceof LakeportError && error.reason !== undefined) {
      return error;
    }
    throw error;
  }
}

async function storeBatch(
  caller: Caller,
  place: Place,
  part: readonly Numbered[],
  options: CallOptions,
): Promise<Result<FileInfo>[]> {
  const items = part.map(({ item }) => Object.assign(item, { crc32c: crc32c(item.data) }));
  // Create-only items have write IDs, so every retry is safe.
  const policy = { isIdempotent: true };
  const { results } = await caller.unary(FileService.method.batchWrite, { ...place, items }, options, policy);
  return results.map(({ status, info }) =>
    status !== undefined && status.code !== 0 ? errorOfStatus(status) : fileInfo(info),
  );
}
