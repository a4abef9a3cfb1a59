export type { BeginOptions, ListTransactionsOptions, ScopeOptions, Stubs } from "./client.js";
export { BaseClient } from "./client.js";
export type { CallOptions } from "./call/options.js";
export type { Credentials, KeyPair, Token } from "./credentials.js";
export type { KnownReason, Reason, StatusCode } from "./errors/codes.js";
export {
  AlreadyExistsError,
  CanceledError,
  ConflictError,
  DeadlineExceededError,
  type ErrorDetails,
  FailedPreconditionError,
  type FieldViolation,
  InvalidArgumentError,
  LakeportError,
  NotFoundError,
  PartialFailureError,
  type PathFailure,
  PermissionDeniedError,
  ResourceExhaustedError,
  UnauthenticatedError,
  UnavailableError,
} from "./errors/error.js";
export { type Result, unwrap } from "./files/batch.js";
export { Download, type ReadOptions } from "./files/download.js";
export { type ComposeOptions, Files, type PresignedUrl, type WriteOptions } from "./files/files.js";
export type { ListOptions } from "./files/list.js";
export type { CopyOptions, DeleteOptions, MoveOptions } from "./files/many.js";
export { RandomAccess } from "./files/random-access.js";
export type { Range, RangeResult } from "./files/ranges.js";
export type { Data, SourceReader } from "./files/source.js";
export type { NewObject } from "./files/write-many.js";
export { ObjectWriter } from "./files/writer.js";
export type { CommitOptions } from "./transactions/commit.js";
export { Transaction } from "./transactions/transaction.js";
export type * from "./types.js";
export { isResumable, type RunOptions, Upload, type UploadOptions, type UploadProgress } from "./uploads/upload.js";
export type * from "./versions/options.js";
export { Versions } from "./versions/versions.js";
