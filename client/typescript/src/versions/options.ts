import type { CallOptions } from "../call/options.js";
import type { DiffMode, MergeStrategy } from "../types.js";

/** Options of calls that change something. */
export interface ChangeOptions extends CallOptions {
  /**
   * Idempotency key, `[A-Za-z0-9_-]{1,64}`. For 24 h, a call with the same key and the same parameters returns the result of the first
   * one. Default: a new key, which all retries of the call share.
   */
  readonly requestId?: string | undefined;
}

/** Options of a new repository. */
export interface CreateRepositoryOptions extends ChangeOptions {
  /** URL where lakeFS stores the objects, such as `s3://bucket/path`. An embedded lake chooses it. */
  readonly storageNamespace?: string | undefined;
  /** Default: `main`. */
  readonly defaultBranch?: string | undefined;
  /** Whether the repository refuses writes. */
  readonly readOnly?: boolean | undefined;
}

/** Options of a listing of names. */
export interface NamesOptions extends CallOptions {
  /** Only names with this prefix. */
  readonly prefix?: string | undefined;
}

/** Options of a new commit. */
export interface CreateCommitOptions extends ChangeOptions {
  /** Keys with the prefix `lakeport.` are reserved. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Commit even if nothing changed. */
  readonly allowEmpty?: boolean | undefined;
}

/** Filters of a history. */
export interface LogOptions extends CallOptions {
  /** Maximum number of commits. Default: no limit. */
  readonly limit?: number | undefined;
  /** Follow only first parents. */
  readonly firstParent?: boolean | undefined;
  /** Only commits that changed one of these objects, or an object with one of `prefixes`. Omits merges. */
  readonly paths?: readonly string[] | undefined;
  /** Only commits that changed an object with one of these prefixes, or one of `paths`. Omits merges. */
  readonly prefixes?: readonly string[] | undefined;
  /** Only commits made at this time or later, in whole seconds. */
  readonly since?: Date | undefined;
  /** The history ends with the commit that this ref resolves to. */
  readonly stopAtRef?: string | undefined;
}

/** Options of a comparison. */
export interface DiffOptions extends CallOptions {
  /** Only paths with this prefix. */
  readonly prefix?: string | undefined;
  /** Default: `three_dot`. */
  readonly mode?: Exclude<DiffMode, "uncommitted"> | undefined;
}

/** Options of a merge. */
export interface MergeOptions extends ChangeOptions {
  /** Default: a message that names the source and the destination. */
  readonly message?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** How to resolve conflicts. Default: `fail`. */
  readonly strategy?: MergeStrategy | undefined;
  /** Combine all commits of the source into one, without a second parent. */
  readonly squash?: boolean | undefined;
}

/** Options of a cherry-pick. */
export interface CherryPickOptions extends ChangeOptions {
  /** Required if the commit is a merge: number of the parent to compare with, where 1 is the first parent. */
  readonly parentNumber?: number | undefined;
}

/** Options of a revert. */
export interface RevertOptions extends CherryPickOptions {
  /** Default: a message that names the reverted commit. */
  readonly message?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Options of a reset. Without `path`, `prefix` and `targetRef`, discards all uncommitted changes. */
export interface ResetOptions extends ChangeOptions {
  /** Discard only the uncommitted change of this object. */
  readonly path?: string | undefined;
  /** Discard only the uncommitted changes of objects with this prefix. */
  readonly prefix?: string | undefined;
  /** Move the branch to this ref, and keep the uncommitted changes. */
  readonly targetRef?: string | undefined;
}
