/** What the operations of all subjects share. */
import {
  type BaseClient,
  type CallOptions,
  type Commit,
  type FileInfo,
  type Files,
  LakeportError,
  type MergeStrategy,
  type PathChange,
  type Result as ItemResult,
  type Transaction,
} from "lakeport";
import type { Result } from "./expected.js";
import type { Platform } from "./platform.js";
import type { Step } from "./scenario.js";

/** The error of a program: in a transaction, or of a writer that it abandons. */
export class OwnError extends Error {}

/** The client of a step, and what the operation needs from the runner. */
export interface Context {
  readonly client: BaseClient;
  readonly repository: string;
  readonly platform: Platform;
  /** Timeout and signal of the step. */
  readonly call: CallOptions;
  /** Transactions that this client began, by ID. */
  readonly begun: Map<string, Transaction>;
  /** Runs the steps inside a step. */
  run(steps: readonly Step[]): Promise<void>;
  /** Sets a variable. */
  set(variable: string, value: string): void;
}

export type Operation = (context: Context, step: Step) => Promise<Result>;

const TX = "tx:";

/** Returns the ID of the transaction of a step, or `undefined` if the step has a ref. */
export function transactionId({ at = "" }: Step): string | undefined {
  return at.startsWith(TX) ? at.slice(TX.length) : undefined;
}

/** Returns the objects of a step: of the branch `main` if the step does not say. */
export function filesOf({ client, repository }: Context, step: Step): Files {
  const id = transactionId(step);
  return id === undefined ? client.files(repository, step.at ?? "main") : client.filesOfTransaction(id);
}

/** Returns the transaction that this client began, or one that another client began. */
export async function transactionOf({ begun, client, call }: Context, id = ""): Promise<Transaction> {
  return begun.get(id) ?? (await client.getTransaction(id, call));
}

export function strategyOf({ strategy }: Step): MergeStrategy | undefined {
  return strategy?.toLowerCase() as MergeStrategy | undefined;
}

/** Returns the items of an iteration. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
  }
  return found;
}

export function file({ path, sizeBytes, etag, contentType, metadata }: FileInfo): Result {
  return { path, size: sizeBytes, etag, content_type: contentType, metadata };
}

/** Returns the result of one item of a batch. */
export function item(found: ItemResult<FileInfo | Uint8Array>): Result {
  if (found instanceof LakeportError) {
    return { reason: found.reason };
  }
  return found instanceof Uint8Array ? { content: found } : file(found);
}

export function commit({ commitId, message, metadata, parentCommitIds }: Commit): Result {
  return { id: commitId, message, metadata, parents: parentCommitIds };
}

export async function changes(found: AsyncIterable<PathChange>): Promise<Result> {
  return { changes: (await all(found)).map(({ path, kind }) => ({ path, change: kind })) };
}
