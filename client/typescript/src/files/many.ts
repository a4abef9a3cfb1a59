import type { Caller, Policy } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { toNumber } from "../convert.js";
import { LakeportError, PartialFailureError, type PathFailure } from "../errors/error.js";
import { errorOfStatus } from "../errors/status.js";
import {
  type CopyResponse,
  type DeleteResponse,
  FileService,
  type MoveResponse,
  type PathStatus,
} from "../gen/lakeport/v1/files_pb.js";
import type { Place } from "../place.js";
import { splitPaths } from "./batch-split.js";

/** Options of a delete. */
export interface DeleteOptions extends CallOptions {
  /** Delete the object `path` and all objects with the prefix `path/`. If `path` ends with `/`, all objects with this prefix. */
  readonly recursive?: boolean | undefined;
  /**
   * Do not fail if an object does not exist. It then counts as deleted. Only with this option does the client repeat a delete after a
   * lost connection.
   */
  readonly allowMissing?: boolean | undefined;
}

/** Options of a move. */
export interface MoveOptions extends CallOptions {
  /** Move the object and all objects below it: the destination replaces the source at the start of each key. */
  readonly recursive?: boolean | undefined;
}

/** Options of a copy. */
export interface CopyOptions extends CallOptions {
  /** Copy the object and all objects below it: the destination replaces the source at the start of each key. */
  readonly recursive?: boolean | undefined;
  /** Ref of the source. Default: the branch or transaction of the destination. */
  readonly sourceRef?: string | undefined;
  /** Repository of the source. Default: that of the destination. If it is set, `sourceRef` is required. */
  readonly sourceRepository?: string | undefined;
}

export async function deleteOne(caller: Caller, place: Place, path: string, options: DeleteOptions): Promise<number> {
  const { recursive = false, allowMissing = false } = options;
  const request = { ...place, path, recursive, allowMissing };
  const { count } = await whole(caller, options, allowMissing, (policy) =>
    caller.stream(FileService.method.delete, request, options, policy),
  );
  return count;
}

/**
 * Deletes any number of objects, with as many calls as necessary. Collects the failures of all calls in the order of the paths: lakeFS
 * returns those of one call in any order.
 */
export async function deleteMany(
  caller: Caller,
  place: Place,
  paths: Iterable<string>,
  options: DeleteOptions,
): Promise<number> {
  const { allowMissing = false } = options;
  const all = Array.from(paths);
  const failures: PathFailure[] = [];
  let count = 0;
  for (const part of splitPaths(all)) {
    const request = { ...place, paths: part, allowMissing };
    try {
      const deleted = await whole(caller, options, allowMissing, (policy) =>
        caller.stream(FileService.method.delete, request, options, policy),
      );
      count += deleted.count;
    } catch (error) {
      if (!(error instanceof PartialFailureError)) {
        throw error;
      }
      count += Number(error.metadata["succeeded"] ?? 0);
      failures.push(...error.failures);
    }
  }
  if (failures.length > 0) {
    const order = new Map(all.map((path, index) => [path, index]));
    failures.sort((one, other) => (order.get(one.path) ?? all.length) - (order.get(other.path) ?? all.length));
    throw partialFailure(failures, { failed: String(failures.length), succeeded: String(count) });
  }
  return count;
}

export async function copy(
  caller: Caller,
  place: Place,
  sourcePath: string,
  path: string,
  options: CopyOptions,
): Promise<string[]> {
  const { recursive = false, sourceRef = "", sourceRepository = "" } = options;
  const request = { ...place, sourcePath, path, recursive, sourceRef, sourceRepository };
  const { paths } = await whole(caller, options, true, (policy) =>
    caller.stream(FileService.method.copy, request, options, policy),
  );
  return paths;
}

export async function move(
  caller: Caller,
  place: Place,
  sourcePath: string,
  path: string,
  options: MoveOptions,
): Promise<string[]> {
  const { recursive = false } = options;
  const request = { ...place, sourcePath, path, recursive };
  const { paths } = await whole(caller, options, false, (policy) =>
    caller.stream(FileService.method.move, request, options, policy),
  );
  return paths;
}

type Message = CopyResponse | DeleteResponse | MoveResponse;

interface Collected {
  readonly count: number;
  readonly paths: string[];
}

/**
 * Returns what all messages of a call report. If a retry has the same effect, sends a call again that broke, also after its first
 * message. A second delete has the same effect only if missing objects are no error.
 */
async function whole(
  caller: Caller,
  options: CallOptions,
  isRepeatable: boolean,
  send: (policy: Policy) => AsyncIterable<Message>,
): Promise<Collected> {
  const attempt = () => collected(send({ isIdempotent: false }));
  return isRepeatable ? caller.repeated(options, attempt) : attempt();
}

/** Collects the messages of a call. Throws a `PartialFailureError` if the call failed for some paths. */
async function collected(messages: AsyncIterable<Message>): Promise<Collected> {
  const paths: string[] = [];
  const failures: PathFailure[] = [];
  let count = 0;
  try {
    for await (const message of messages) {
      failures.push(...message.failures.map(pathFailure));
      if ("deletedCount" in message) {
        count = toNumber(message.deletedCount);
      } else {
        paths.push(...message.paths);
      }
    }
  } catch (error) {
    if (error instanceof LakeportError && error.reason === "PARTIAL_FAILURE") {
      throw partialFailure(failures, error.metadata, error);
    }
    throw error;
  }
  return { count, paths };
}

function pathFailure({ path, status }: PathStatus): PathFailure {
  const error = status === undefined ? new LakeportError("unknown error", "UNKNOWN") : errorOfStatus(status);
  return { path, error };
}

/** Maximum number of failures that a message names. */
const NAMED_FAILURES = 3;

function partialFailure(
  failures: readonly PathFailure[],
  metadata: Readonly<Record<string, string>>,
  cause?: unknown,
): PartialFailureError {
  if (failures.length === 0 && cause instanceof LakeportError) {
    // The server named no path, so only its message says what happened.
    const { message, paths } = cause;
    return new PartialFailureError(message, failures, { metadata, paths, cause });
  }
  const { failed = String(failures.length), succeeded = "0" } = metadata;
  const named = failures.slice(0, NAMED_FAILURES).map(({ path, error }) => `${JSON.stringify(path)}: ${error.message}`);
  const more = failures.length > named.length ? [`and ${String(failures.length - named.length)} more`] : [];
  const counts = `the call failed for ${failed} paths and succeeded for ${succeeded}`;
  const message = `${counts}: ${[...named, ...more].join("; ")}`;
  return new PartialFailureError(message, failures, { metadata, cause });
}
