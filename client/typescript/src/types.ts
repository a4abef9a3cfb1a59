import type { LakeportError } from "./errors/error.js";

/** An object, or a group of objects with a common prefix. */
export interface FileInfo {
  /** Key of the object, or the prefix with its delimiter. */
  readonly path: string;
  readonly kind: "object" | "prefix";
  /** Size in bytes. 0 for a prefix. */
  readonly sizeBytes: number;
  /** Checksum that lakeFS computes. It changes when the bytes change. */
  readonly etag: string;
  /** MIME type. */
  readonly contentType: string;
  /** User metadata. Empty in the results of reads: lakeFS does not send it with the bytes. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Time of the last write, in whole seconds. `undefined` for a prefix. */
  readonly updateTime: Date | undefined;
  /** Commit that the server read. `undefined` unless the ref of the call is a commit ID. */
  readonly commitId: string | undefined;
}

/** State of a transaction. `committed`, `rolled_back` and `expired` are final. */
export type TransactionState = "open" | "committing" | "committed" | "rolled_back" | "expired" | "unknown";

/** A transaction, as the server described it in a response. */
export interface TransactionInfo {
  readonly transactionId: string;
  readonly repository: string;
  /** The branch that the transaction began from and merges into. */
  readonly baseBranch: string;
  /** The commit that the transaction began from. */
  readonly baseCommitId: string;
  /** Name of its private branch, or of the kept branch after its end. May be empty. */
  readonly branch: string;
  readonly state: TransactionState;
  /** The commit that the transaction ended with. Empty while it is open. */
  readonly commitId: string;
  /** Whether `commitId` is a merge of this transaction. */
  readonly merged: boolean;
  /** Error of the last commit, or of the creation of the kept branch. */
  readonly failure: LakeportError | undefined;
  /** The lakeFS user who began the transaction. */
  readonly owner: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createTime: Date | undefined;
  /** The transaction expires at this time, unless a call in it restarts the idle timeout. */
  readonly idleExpireTime: Date | undefined;
  /** The transaction expires at this time, even if calls continue. */
  readonly expireTime: Date | undefined;
  readonly endTime: Date | undefined;
  /** Number of commits that were started, including failed ones. */
  readonly epoch: number;
  /** Tags that the commit could not create. */
  readonly failedTags: readonly string[];
  readonly readOnly: boolean;
}

/** State of a watched transaction. */
export interface TransactionStatus {
  readonly transaction: TransactionInfo;
  /** Number of running commits before the commit of this transaction. 0 if it is not committing. */
  readonly queuePosition: number;
}

/** How a merge resolves paths that both sides changed. `fail`: it does not, and the call fails with a `ConflictError`. */
export type MergeStrategy = "fail" | "source_wins" | "destination_wins";

/** When the server keeps a branch with the changes of a transaction after its end. */
export type BranchRetention = "delete" | "keep_on_failure" | "keep";

/** A path that differs between two versions of a repository. */
export interface PathChange {
  readonly path: string;
  /** `conflict`: both sides changed the path after their common ancestor, in different ways. */
  readonly kind: "added" | "changed" | "removed" | "conflict" | "unknown";
  /** Size in bytes on the new side, or on the old side if the path was removed. */
  readonly sizeBytes: number;
}

/** A repository. */
export interface Repository {
  readonly name: string;
  /** URL where lakeFS stores the objects. */
  readonly storageNamespace: string;
  readonly defaultBranch: string;
  readonly createTime: Date | undefined;
  /** Whether the repository refuses writes. */
  readonly readOnly: boolean;
}

/** A branch. */
export interface Branch {
  readonly name: string;
  /** Head of the branch. */
  readonly commitId: string;
}

/** A tag. */
export interface Tag {
  readonly name: string;
  readonly commitId: string;
}

/** A commit. */
export interface Commit {
  readonly commitId: string;
  /** Parents, in order. The first one is the previous head of the branch. */
  readonly parentCommitIds: readonly string[];
  /** The lakeFS user who made the commit. */
  readonly committer: string;
  readonly message: string;
  /** Creation time, in whole seconds. */
  readonly createTime: Date | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Mode of a comparison. `three_dot`: compare with the common ancestor. */
export type DiffMode = "three_dot" | "two_dot" | "uncommitted";

/** Versions, limits and features of a server and its lakeFS. */
export interface ServerInfo {
  readonly version: string;
  readonly lakefsVersion: string;
  /** Whether lakeFS is embedded in the server. */
  readonly embedded: boolean;
  /** Whether presigned URLs are supported. */
  readonly presign: boolean;
  /** Maximum size of a message in bytes. */
  readonly maxMessageBytes: number;
  /** Maximum number of items of a batch. */
  readonly maxBatchItems: number;
}

/** A page of a listing. */
export interface ListPage {
  readonly entries: readonly FileInfo[];
  /** Token that resumes the listing after `entries`. Empty at its end. */
  readonly nextPageToken: string;
  /** Commit that the server listed. `undefined` unless the ref is a commit ID. */
  readonly commitId: string | undefined;
}
