import { ErrorReason as ReasonNumbers } from "../gen/lakeport/v1/errors_pb.js";

/** Name of the gRPC status code of a failed call. */
export type StatusCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** The names, beginning with that of code 1. */
const NAMES: readonly StatusCode[] = [
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
];

/** Name of a reason that this version of the client knows. */
export type KnownReason = Exclude<keyof typeof ReasonNumbers, "UNSPECIFIED">;

/** Name of a reason, for example `OBJECT_NOT_FOUND`. A newer server can send reasons that this version of the client does not know. */

export type Reason = KnownReason | (string & {});

/** Returns the name of a status code. */
export function codeName(code: number): StatusCode {
  return NAMES[code - 1] ?? "UNKNOWN";
}
