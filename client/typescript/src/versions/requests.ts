import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { toBigInt } from "../convert.js";
import type { LogRequestSchema } from "../gen/lakeport/v1/versions_pb.js";
import type { LogOptions } from "./options.js";

/** Returns the filters of a request for a history. */
export function logRequest(options: LogOptions): MessageInitShape<typeof LogRequestSchema> {
  const { limit, firstParent = false, paths = [], prefixes = [], since, stopAtRef = "" } = options;
  return {
    limit: limit === undefined ? 0n : toBigInt(limit, "limit", 1),
    firstParent,
    paths: [...paths],
    prefixes: [...prefixes],
    stopAtRef,
    ...(since === undefined ? {} : { since: timestampFromDate(since) }),
  };
}
