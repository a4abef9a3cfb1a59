import type { Reason, StatusCode } from "./codes.js";

/** An invalid field of a request. */
export interface FieldViolation {
  /** Path of the field in the message of the contract, for example `page_token`. */
  readonly field: string;
  /** Why the value is invalid. */
  readonly description: string;
}

/** The properties of a {@link LakeportError}. */
export interface ErrorDetails {
  reason?: Reason | undefined;
  retryDelayMs?: number | undefined;
  paths?: readonly string[];
  fieldViolations?: readonly FieldViolation[];
  metadata?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/**
 * The error of a failed call. Programs should use {@link LakeportError.code}, {@link LakeportError.reason} or the subclass. The
 * message is for people.
 */
export class LakeportError extends Error {
  override name = "LakeportError";
  /** Name of the gRPC status code. A lost connection is `UNAVAILABLE`. */
  readonly code: StatusCode;
  /** The exact cause. `undefined` if no lakeport server reported the error: the connection, a proxy or the client did. */
  readonly reason: Reason | undefined;
  /** Time in milliseconds that the server asks the caller to wait before a retry. `undefined`: it does not say. */
  readonly retryDelayMs: number | undefined;
  /**
   * The paths or names that the error is about, such as those in conflict. The server sends at most 10. `metadata.subjects` is their
   * total number.
   */
  readonly paths: readonly string[];
  /** Invalid fields of the request. */
  readonly fieldViolations: readonly FieldViolation[];
  /** Further values that the server sent with the reason. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(message: string, code: StatusCode, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.reason = details.reason;
    this.retryDelayMs = details.retryDelayMs;
    this.paths = details.paths ?? [];
    this.fieldViolations = details.fieldViolations ?? [];
    this.metadata = details.metadata ?? {};
  }
}

/** NOT_FOUND: the repository, ref, object or transaction does not exist. */
export class NotFoundError extends LakeportError {
  override name = "NotFoundError";
}

/** ALREADY_EXISTS: the repository, branch, tag, object or transaction exists. */
export class AlreadyExistsError extends LakeportError {
  override name = "AlreadyExistsError";
}

/**
 * ABORTED: another caller changed the same paths. {@link LakeportError.paths} names them. After `MERGE_CONFLICT`, the transaction is
 * open again: commit it with a strategy that resolves conflicts, or roll it back and start again from the new head of the base branch.
 */
export class ConflictError extends LakeportError {
  override name = "ConflictError";
}

/** FAILED_PRECONDITION: the state of the object, the branch or the transaction does not allow the call. */
export class FailedPreconditionError extends LakeportError {
  override name = "FailedPreconditionError";
}

/** A path for which a call failed. */
export interface PathFailure {
  /** The path. */
  readonly path: string;
  /** Error of this path. */
  readonly error: LakeportError;
}

/** FAILED_PRECONDITION `PARTIAL_FAILURE`: the call failed for some paths, and succeeded for others. */
export class PartialFailureError extends FailedPreconditionError {
  override name = "PartialFailureError";
  /** The paths for which the call failed, each with its error. */
  readonly failures: readonly PathFailure[];

  constructor(message: string, failures: readonly PathFailure[], details: ErrorDetails = {}) {
    super(message, "FAILED_PRECONDITION", {
      reason: "PARTIAL_FAILURE",
      ...details,
      paths: failures.length > 0 ? failures.map(({ path }) => path) : (details.paths ?? []),
    });
    this.failures = failures;
  }
}

/** INVALID_ARGUMENT or OUT_OF_RANGE: the request is invalid. The client also throws it for arguments that it does not send. */
export class InvalidArgumentError extends LakeportError {
  override name = "InvalidArgumentError";
}

/** PERMISSION_DENIED: the user may not do this. */
export class PermissionDeniedError extends LakeportError {
  override name = "PermissionDeniedError";
}

/** UNAUTHENTICATED: the credentials are missing, wrong or expired. */
export class UnauthenticatedError extends LakeportError {
  override name = "UnauthenticatedError";
}

/** UNAVAILABLE: the server did not respond, or cannot serve the call now. */
export class UnavailableError extends LakeportError {
  override name = "UnavailableError";
}

/** DEADLINE_EXCEEDED: the timeout of the call passed. The server may have executed the call. */
export class DeadlineExceededError extends LakeportError {
  override name = "DeadlineExceededError";
}

/** RESOURCE_EXHAUSTED: the server is overloaded or full, or a quota is reached. */
export class ResourceExhaustedError extends LakeportError {
  override name = "ResourceExhaustedError";
}

/**
 * CANCELLED: the signal of the caller was aborted, or the client was closed. `cause` is the reason of the signal. The name is
 * `AbortError`, as for other functions that take a signal.
 */
export class CanceledError extends LakeportError {
  override name = "AbortError";
}

type ErrorClass = new (message: string, code: StatusCode, details?: ErrorDetails) => LakeportError;

const CLASSES: Partial<Record<StatusCode, ErrorClass>> = {
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: AlreadyExistsError,
  ABORTED: ConflictError,
  FAILED_PRECONDITION: FailedPreconditionError,
  INVALID_ARGUMENT: InvalidArgumentError,
  OUT_OF_RANGE: InvalidArgumentError,
  PERMISSION_DENIED: PermissionDeniedError,
  UNAUTHENTICATED: UnauthenticatedError,
  UNAVAILABLE: UnavailableError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  RESOURCE_EXHAUSTED: ResourceExhaustedError,
  CANCELLED: CanceledError,
};

/**
 * Creates the error for a status code.
 *
 * @internal
 */
export function makeError(message: string, code: StatusCode, details: ErrorDetails = {}): LakeportError {
  return new (CLASSES[code] ?? LakeportError)(message, code, details);
}

/**
 * Creates the error of arguments that the client does not send.
 *
 * @internal
 */
export function invalid(message: string, details: ErrorDetails = {}): InvalidArgumentError {
  return new InvalidArgumentError(message, "INVALID_ARGUMENT", details);
}

/**
 * Creates the error of a response that violates the contract.
 *
 * @internal
 */
export function badResponse(message: string): LakeportError {
  return new LakeportError(`the server violates the contract: ${message}`, "INTERNAL");
}

/**
 * Creates the error of bytes that differ from those that the server sent.
 *
 * @internal
 */
export function corrupt(message: string): LakeportError {
  return new LakeportError(message, "DATA_LOSS");
}
