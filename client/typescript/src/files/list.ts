import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { listPage, toBigInt } from "../convert.js";
import { FileService } from "../gen/lakeport/v1/files_pb.js";
import type { Place } from "../place.js";
import type { ListPage } from "../types.js";
import { isResumable } from "./download.js";

/** Filters of a listing. */
export interface ListOptions extends CallOptions {
  /** Only paths with this prefix. It does not have to end with the delimiter. */
  readonly prefix?: string | undefined;
  /** Paths that are equal up to the first delimiter after the prefix become one entry of the kind `prefix`. Default: none. */
  readonly delimiter?: string | undefined;
  /** Only paths that match this glob as a whole: `*` and `?` do not match `/`, `**` does. */
  readonly matchGlob?: string | undefined;
  /** Maximum number of path segments after the prefix. Default: no limit. */
  readonly maxDepth?: number | undefined;
  /** Maximum number of entries. Default: no limit. */
  readonly limit?: number | undefined;
  /** `nextPageToken` of a page of the same listing. Continues after this page. */
  readonly pageToken?: string | undefined;
}

/** Maximum number of consecutive resumes without a page. */
const MAX_RESUMES = 4;

/** Yields the pages of a listing. After a lost connection, continues after the last page. */
export async function* listPages(
  caller: Caller,
  place: Place,
  options: ListOptions,
): AsyncGenerator<ListPage, void, undefined> {
  const { prefix = "", delimiter = "", matchGlob = "", maxDepth, limit } = options;
  const request = {
    ...place,
    prefix,
    delimiter,
    matchGlob,
    maxDepth: maxDepth === undefined ? 0 : Number(toBigInt(maxDepth, "maxDepth", 1)),
    limit: limit === undefined ? 0n : toBigInt(limit, "limit", 1),
  };
  let left = limit ?? Infinity;
  let pageToken = options.pageToken ?? "";
  let isComplete = false;
  for (let failures = 0; !isComplete && left > 0; failures++) {
    try {
      for await (const message of caller.stream(FileService.method.list, { ...request, pageToken }, options)) {
        const page = listPage(message);
        // A resumed call counts its limit anew.
        const entries = page.entries.slice(0, left);
        left -= entries.length;
        yield { ...page, entries };
        failures = 0;
        pageToken = page.nextPageToken;
        // Only the last page has no token.
        isComplete = pageToken === "";
      }
      return;
    } catch (error) {
      if (!isComplete && (!isResumable(error) || failures >= MAX_RESUMES)) {
        throw error;
      }
    }
  }
}
