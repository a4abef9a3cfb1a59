/** Conversions between the messages of the contract and the types of this package. */
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { badResponse, invalid, LakeportError } from "./errors/error.js";
import { errorOfStatus } from "./errors/status.js";
import { type PathChange as PathChangeMessage, PathChange_Kind } from "./gen/lakeport/v1/changes_pb.js";
import {
  FileKind,
  type FileInfo as FileInfoMessage,
  type GetServerInfoResponse,
  type ListResponse,
} from "./gen/lakeport/v1/files_pb.js";
import {
  BranchRetention as Retention,
  MergeStrategy as Strategy,
  type Transaction as TransactionMessage,
  TransactionState as State,
} from "./gen/lakeport/v1/transactions_pb.js";
import {
  type Commit as CommitMessage,
  DiffMode as Mode,
  type Repository as RepositoryMessage,
} from "./gen/lakeport/v1/versions_pb.js";
import type {
  BranchRetention,
  Commit,
  DiffMode,
  FileInfo,
  ListPage,
  MergeStrategy,
  PathChange,
  Repository,
  ServerInfo,
  TransactionInfo,
  TransactionState,
} from "./types.js";

/** Converts a number of the contract. Throws an error above 2^53 - 1, where numbers are not exact. */
export function toNumber(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) {
    throw new LakeportError(
      `the number ${String(value)} is too large for JavaScript: use the stubs in lakeport/v1`,
      "OUT_OF_RANGE",
    );
  }
  return number;
}

/** Converts a whole number of a caller. `name` is the name of the option. */
export function toBigInt(value: number, name: string, minimum = 0): bigint {
  if (!Number.isSafeInteger(value) || value < minimum) {
    const range = minimum === -Infinity ? "" : ` of at least ${String(minimum)}`;
    throw invalid(`${name} is ${String(value)}: it must be a whole number${range}`);
  }
  return BigInt(value);
}

/** Returns a part of a response that the contract requires. */
export function expect<T>(value: T | undefined, name: string): T {
  if (value === undefined) {
    throw badResponse(`the response has no ${name}`);
  }
  return value;
}

export function toDate(time: Timestamp | undefined): Date | undefined {
  return time === undefined ? undefined : timestampDate(time);
}

export function fileInfo(message: FileInfoMessage | undefined): FileInfo {
  const { path, kind, sizeBytes, etag, contentType, metadata, updateTime, commitId } = expect(message, "FileInfo");
  return {
    path,
    kind: kind === FileKind.PREFIX ? "prefix" : "object",
    sizeBytes: toNumber(sizeBytes),
    etag,
    contentType,
    metadata,
    updateTime: toDate(updateTime),
    commitId: commitId || undefined,
  };
}

export function listPage({ entries, nextPageToken, commitId }: ListResponse): ListPage {
  return { entries: entries.map(fileInfo), nextPageToken, commitId: commitId || undefined };
}

const STATES: Partial<Record<State, TransactionState>> = {
  [State.OPEN]: "open",
  [State.COMMITTING]: "committing",
  [State.COMMITTED]: "committed",
  [State.ROLLED_BACK]: "rolled_back",
  [State.EXPIRED]: "expired",
};

/** Returns the number of a state. */
export function stateNumber(state: TransactionState): State {
  for (const number of [State.OPEN, State.COMMITTING, State.COMMITTED, State.ROLLED_BACK, State.EXPIRED]) {
    if (STATES[number] === state) {
      return number;
    }
  }
  throw invalid(`the state ${JSON.stringify(state)} is unknown: use ${Object.values(STATES).join(", ")}`);
}

export function transactionInfo(message: TransactionMessage | undefined): TransactionInfo {
  const found = expect(message, "Transaction");
  return {
    transactionId: found.transactionId,
    repository: found.repository,
    baseBranch: found.baseBranch,
    baseCommitId: found.baseCommitId,
    branch: found.branch,
    state: STATES[found.state] ?? "unknown",
    commitId: found.commitId,
    merged: found.merged,
    failure: found.failure === undefined || found.failure.code === 0 ? undefined : errorOfStatus(found.failure),
    owner: found.owner,
    labels: found.labels,
    createTime: toDate(found.createTime),
    idleExpireTime: toDate(found.idleExpireTime),
    expireTime: toDate(found.expireTime),
    endTime: toDate(found.endTime),
    epoch: toNumber(found.epoch),
    failedTags: found.failedTags,
    readOnly: found.readOnly,
  };
}

const STRATEGIES: Record<MergeStrategy, Strategy> = {
  fail: Strategy.FAIL,
  source_wins: Strategy.SOURCE_WINS,
  destination_wins: Strategy.DESTINATION_WINS,
};

const RETENTIONS: Record<BranchRetention, Retention> = {
  delete: Retention.DELETE,
  keep_on_failure: Retention.KEEP_ON_FAILURE,
  keep: Retention.KEEP,
};

const MODES: Record<DiffMode, Mode> = {
  three_dot: Mode.THREE_DOT,
  two_dot: Mode.TWO_DOT,
  uncommitted: Mode.UNCOMMITTED,
};

export function strategyNumber(strategy: MergeStrategy | undefined): Strategy {
  return strategy === undefined ? Strategy.UNSPECIFIED : choose(STRATEGIES, strategy, "strategy");
}

export function retentionNumber(retention: BranchRetention | undefined): Retention {
  return retention === undefined ? Retention.UNSPECIFIED : choose(RETENTIONS, retention, "branchRetention");
}

export function modeNumber(mode: DiffMode | undefined): Mode {
  return mode === undefined ? Mode.UNSPECIFIED : choose(MODES, mode, "mode");
}

/** Returns the value of a name. Programs without types can pass other names. */
function choose<K extends string, T>(choices: Record<K, T>, name: K, option: string): T {
  if (!Object.hasOwn(choices, name)) {
    throw invalid(`${option} is ${JSON.stringify(name)}: it must be one of ${Object.keys(choices).join(", ")}`);
  }
  return choices[name];
}

const KINDS: Partial<Record<PathChange_Kind, PathChange["kind"]>> = {
  [PathChange_Kind.ADDED]: "added",
  [PathChange_Kind.CHANGED]: "changed",
  [PathChange_Kind.REMOVED]: "removed",
  [PathChange_Kind.CONFLICT]: "conflict",
};

export function pathChange({ path, kind, sizeBytes }: PathChangeMessage): PathChange {
  return { path, kind: KINDS[kind] ?? "unknown", sizeBytes: toNumber(sizeBytes) };
}

export function repository(message: RepositoryMessage | undefined): Repository {
  const { name, storageNamespace, defaultBranch, createTime, readOnly } = expect(message, "Repository");
  return { name, storageNamespace, defaultBranch, createTime: toDate(createTime), readOnly };
}

export function commit(message: CommitMessage | undefined): Commit {
  const found = expect(message, "Commit");
  return {
    commitId: found.commitId,
    parentCommitIds: found.parentCommitIds,
    committer: found.committer,
    message: found.message,
    createTime: toDate(found.createTime),
    metadata: found.metadata,
  };
}

export function serverInfo(message: GetServerInfoResponse): ServerInfo {
  const { version, lakefsVersion, embedded, presign, maxMessageBytes, maxBatchItems } = message;
  return { version, lakefsVersion, embedded, presign, maxMessageBytes: toNumber(maxMessageBytes), maxBatchItems };
}
