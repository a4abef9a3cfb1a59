import { create } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { crc32c } from "../checksum.js";
import { expect, fileInfo } from "../convert.js";
import { invalid, LakeportError, makeError } from "../errors/error.js";
import { errorOfStatus } from "../errors/status.js";
import { BatchWriteItemSchema, type BatchWriteResponse, FileService } from "../gen/lakeport/v1/files_pb.js";
import type { Stored, WriteHeader } from "./streaming-write.js";

/** Maximum size of an object that fits into one message, with its path and metadata. */
export const MAX_SMALL_BYTES = 3.5 * (1 << 20);

/**
 * The timeout of one message grows by its size at this rate: a browser does not report the progress of a message, and three share a slow
 * line of 32 KiB/s.
 */
const MIN_BYTES_PER_SECOND = (32 << 10) / 3;

/** Stores an object of at most `MAX_SMALL_BYTES` with one message. */
export async function smallWrite(
  caller: Caller,
  header: WriteHeader,
  data: Uint8Array,
  options: CallOptions,
): Promise<Stored> {
  checkSize(header, data.length);
  const { repository = "", ref = "", transactionId = "" } = header;
  const { path = "", contentType = "", metadata = {}, ifNoneMatch = "", writeId = "" } = header;
  const sum = crc32c(data);
  const item = create(BatchWriteItemSchema, { path, contentType, metadata, ifNoneMatch, writeId, crc32c: sum });
  item.data = data;
  const check = ({ results: [result] }: BatchWriteResponse) => {
    if (result?.status !== undefined && result.status.code !== 0) {
      throw errorOfStatus(result.status);
    }
  };
  const request = { repository, ref, transactionId, items: [item] };
  const timeoutMs = caller.timeoutOf(options) + Math.ceil((data.length / MIN_BYTES_PER_SECOND) * 1000);
  // A create-only item has a write ID, so every retry is safe.
  const policy = { isIdempotent: true, check };
  try {
    const { results } = await caller.unary(FileService.method.batchWrite, request, { ...options, timeoutMs }, policy);
    return { info: fileInfo(expect(results[0], "result").info), crc32c: sum };
  } catch (error) {
    throw withoutItem(error);
  }
}

/** Prefix of the names of invalid fields. */
const ITEM = "items[0].";

/** Returns an error that names the fields of the object: the caller did not store a batch. */
function withoutItem(error: unknown): unknown {
  if (!(error instanceof LakeportError) || error.fieldViolations.length === 0) {
    return error;
  }
  const fieldViolations = error.fieldViolations.map(({ field, description }) => ({
    field: field.replace(ITEM, ""),
    description,
  }));
  const { code, reason, paths, metadata } = error;
  return makeError(error.message.replaceAll(ITEM, ""), code, {
    reason,
    paths,
    metadata,
    fieldViolations,
    cause: error,
  });
}

/** Throws an error if an object has another size than the caller announced. */
export function checkSize({ sizeBytes, path = "" }: WriteHeader, length: number): void {
  if (sizeBytes !== undefined && sizeBytes !== BigInt(length)) {
    const message = `the upload of ${JSON.stringify(path)} has ${String(length)} bytes instead of ${String(sizeBytes)}`;
    throw invalid(message, { reason: "WRITE_INCOMPLETE" });
  }
}
