import { createRegistry } from "@bufbuild/protobuf";
import { type Any, anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type BadRequest,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
  type PreconditionFailure,
  PreconditionFailureSchema,
  type ResourceInfo,
  ResourceInfoSchema,
  type RetryInfo,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";
import type { Status } from "../gen/google/rpc/status_pb.js";
import { codeName, type StatusCode } from "./codes.js";
import { type ErrorDetails, type LakeportError, makeError } from "./error.js";

const DOMAIN = "lakeport.dev";

const DETAILS = createRegistry(
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
);

/**
 * Converts the status of one item of a response.
 *
 * @internal
 */
export function errorOfStatus(status: Status): LakeportError {
  return errorOfDetails(status.message, codeName(status.code), status.details);
}

/**
 * Creates an error from a status code and the details of a status. `other` has the properties that the details do not set.
 *
 * @internal
 */
export function errorOfDetails(
  message: string,
  code: StatusCode,
  details: readonly Any[],
  other: ErrorDetails = {},
): LakeportError {
  const found = Object.assign({}, other, ...details.map(decode)) as ErrorDetails;
  return makeError(withPaths(message, found.paths ?? []), code, found);
}

type DetailMessage = BadRequest | ErrorInfo | PreconditionFailure | ResourceInfo | RetryInfo;

/** Decodes one detail. Ignores unknown and damaged ones. */
function decode(detail: Any): ErrorDetails {
  const message = unpack(detail);
  switch (message?.$typeName) {
    case "google.rpc.ErrorInfo":
      return message.domain === DOMAIN ? { reason: message.reason, metadata: message.metadata } : {};
    case "google.rpc.RetryInfo": {
      const { seconds = 0n, nanos = 0 } = message.retryDelay ?? {};
      return { retryDelayMs: Number(seconds) * 1000 + nanos / 1e6 };
    }
    case "google.rpc.BadRequest":
      return { fieldViolations: message.fieldViolations.map(({ field, description }) => ({ field, description })) };
    case "google.rpc.PreconditionFailure":
      return { paths: message.violations.map(({ subject }) => subject) };
    case "google.rpc.ResourceInfo":
      return { paths: [message.resourceName] };
    default:
      return {};
  }
}

function unpack(detail: Any) {
  try {
    return anyUnpack(detail, DETAILS) as DetailMessage | undefined;
  } catch {
    return undefined;
  }
}

/** Maximum number of paths that a message names. */
const NAMED_PATHS = 3;

/** Adds the first paths to a message that contains none of them. */
function withPaths(message: string, paths: readonly string[]): string {
  if (paths.length === 0 || paths.some((path) => message.includes(path))) {
    return message;
  }
  const more = paths.length > NAMED_PATHS ? ` and ${String(paths.length - NAMED_PATHS)} more` : "";
  return `${message}: ${paths.slice(0, NAMED_PATHS).join(", ")}${more}`;
}
