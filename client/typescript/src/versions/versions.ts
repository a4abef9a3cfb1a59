import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Caller } from "../call/caller.js";
import type { CallOptions } from "../call/options.js";
import { commit, expect, modeNumber, pathChange, repository as toRepository, strategyNumber } from "../convert.js";
import { VersionService } from "../gen/lakeport/v1/versions_pb.js";
import { randomId } from "../ids.js";
import { pages } from "../pages.js";
import type { Branch, Commit, PathChange, Repository, Tag } from "../types.js";
import type {
  ChangeOptions,
  CherryPickOptions,
  CreateCommitOptions,
  CreateRepositoryOptions,
  DiffOptions,
  LogOptions,
  MergeOptions,
  NamesOptions,
  ResetOptions,
  RevertOptions,
} from "./options.js";
import { logRequest } from "./requests.js";

const METHODS = VersionService.method;

/** Number of names in a page of a listing. */
const PAGE_SIZE = 1000;

/**
 * Repositories, branches, tags and commits. Each call that changes something sends an idempotency key, which its retries repeat, so it
 * takes effect at most once.
 */
export class Versions {
  readonly #caller: Caller;

  /** @internal */
  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Yields the repositories, in order of their names. */
  repositories(options: NamesOptions = {}): AsyncGenerator<Repository, void, undefined> {
    const { prefix = "" } = options;
    return pages(async (pageToken) => {
      const request = { prefix, pageSize: PAGE_SIZE, pageToken };
      const page = await this.#caller.unary(METHODS.listRepositories, request, options);
      return { items: page.repositories.map(toRepository), nextPageToken: page.nextPageToken };
    });
  }

  /** Returns a repository. Errors: NOT_FOUND. */
  async getRepository(repository: string, options: CallOptions = {}): Promise<Repository> {
    return toRepository((await this.#caller.unary(METHODS.getRepository, { repository }, options)).repository);
  }

  /** Creates a repository. Errors: ALREADY_EXISTS; INVALID_ARGUMENT if another repository uses the storage namespace. */
  async createRepository(repository: string, options: CreateRepositoryOptions = {}): Promise<Repository> {
    const { storageNamespace = "", defaultBranch = "", readOnly = false } = options;
    const request = { repository, storageNamespace, defaultBranch, readOnly };
    return toRepository((await this.#change(METHODS.createRepository, request, options)).repository);
  }

  /** Deletes a repository with all of its contents. Errors: NOT_FOUND. */
  async deleteRepository(repository: string, options: ChangeOptions = {}): Promise<void> {
    await this.#change(METHODS.deleteRepository, { repository }, options);
  }

  /** Yields the branches, in order of their names, without those of transactions. Errors: NOT_FOUND. */
  branches(repository: string, options: NamesOptions = {}): AsyncGenerator<Branch, void, undefined> {
    const { prefix = "" } = options;
    return pages(async (pageToken) => {
      const request = { repository, prefix, pageSize: PAGE_SIZE, pageToken };
      const { branches, nextPageToken } = await this.#caller.unary(METHODS.listBranches, request, options);
      return { items: branches.map(named), nextPageToken };
    });
  }

  /** Returns a branch. Errors: NOT_FOUND. */
  async getBranch(repository: string, branch: string, options: CallOptions = {}): Promise<Branch> {
    return named((await this.#caller.unary(METHODS.getBranch, { repository, branch }, options)).branch);
  }

  /** Creates a branch at the commit of a ref. Errors: ALREADY_EXISTS; NOT_FOUND. */
  async createBranch(repository: string, branch: string, ref: string, options: ChangeOptions = {}): Promise<Branch> {
    return named((await this.#change(METHODS.createBranch, { repository, branch, ref }, options)).branch);
  }

  /** Deletes a branch with its uncommitted changes. Errors: NOT_FOUND; FAILED_PRECONDITION `DEFAULT_BRANCH`. */
  async deleteBranch(repository: string, branch: string, options: ChangeOptions = {}): Promise<void> {
    await this.#change(METHODS.deleteBranch, { repository, branch }, options);
  }

  /** Yields the tags, in order of their names. Errors: NOT_FOUND. */
  tags(repository: string, options: NamesOptions = {}): AsyncGenerator<Tag, void, undefined> {
    const { prefix = "" } = options;
    return pages(async (pageToken) => {
      const request = { repository, prefix, pageSize: PAGE_SIZE, pageToken };
      const { tags, nextPageToken } = await this.#caller.unary(METHODS.listTags, request, options);
      return { items: tags.map(named), nextPageToken };
    });
  }

  /** Returns a tag. Errors: NOT_FOUND. */
  async getTag(repository: string, tag: string, options: CallOptions = {}): Promise<Tag> {
    return named((await this.#caller.unary(METHODS.getTag, { repository, tag }, options)).tag);
  }

  /** Creates a tag for the commit of a ref. Errors: ALREADY_EXISTS; NOT_FOUND. */
  async createTag(repository: string, tag: string, ref: string, options: ChangeOptions = {}): Promise<Tag> {
    return named((await this.#change(METHODS.createTag, { repository, tag, ref }, options)).tag);
  }

  /** Deletes a tag. Errors: NOT_FOUND. */
  async deleteTag(repository: string, tag: string, options: ChangeOptions = {}): Promise<void> {
    await this.#change(METHODS.deleteTag, { repository, tag }, options);
  }

  /** Commits the uncommitted changes of a branch. Errors: FAILED_PRECONDITION `NO_CHANGES` or `HOOK_REJECTED`. */
  async createCommit(
    repository: string,
    branch: string,
    message: string,
    options: CreateCommitOptions = {},
  ): Promise<Commit> {
    const { metadata = {}, allowEmpty = false } = options;
    const request = { repository, ref: branch, message, metadata, allowEmpty };
    return commit((await this.#change(METHODS.createCommit, request, options)).commit);
  }

  /** Returns the commit that a ref resolves to. Errors: NOT_FOUND. */
  async getCommit(repository: string, ref: string, options: CallOptions = {}): Promise<Commit> {
    return commit((await this.#caller.unary(METHODS.getCommit, { repository, ref }, options)).commit);
  }

  /** Yields the history of a ref, newest commit first. Errors: NOT_FOUND. */
  async *log(repository: string, ref: string, options: LogOptions = {}): AsyncGenerator<Commit, void, undefined> {
    const request = { ...logRequest(options), repository, ref };
    for await (const { commits } of this.#caller.stream(METHODS.log, request, options)) {
      yield* commits.map(commit);
    }
  }

  /** Yields the paths that differ between two refs, in byte order. `right` is the new side. Errors: NOT_FOUND. */
  diff(
    repository: string,
    left: string,
    right: string,
    options: DiffOptions = {},
  ): AsyncGenerator<PathChange, void, undefined> {
    const { prefix = "" } = options;
    const request = { repository, ref: left, rightRef: right, prefix, mode: modeNumber(options.mode) };
    return this.#diff(request, options);
  }

  /** Yields the uncommitted changes of a branch, in byte order. Errors: NOT_FOUND. */
  uncommitted(
    repository: string,
    branch: string,
    options: NamesOptions = {},
  ): AsyncGenerator<PathChange, void, undefined> {
    const request = { repository, ref: branch, prefix: options.prefix ?? "", mode: modeNumber("uncommitted") };
    return this.#diff(request, options);
  }

  /**
   * Merges a ref into a branch. Returns the new head of the branch. Errors: ABORTED `MERGE_CONFLICT`; FAILED_PRECONDITION `NO_CHANGES`,
   * `BASE_DIRTY` or `HOOK_REJECTED`.
   */
  async merge(repository: string, ref: string, destinationBranch: string, options: MergeOptions = {}): Promise<string> {
    const { message = "", metadata = {}, squash = false } = options;
    const strategy = strategyNumber(options.strategy);
    const request = { repository, ref, destinationBranch, message, metadata, strategy, squash };
    return (await this.#change(METHODS.merge, request, options)).commitId;
  }

  /**
   * Creates a commit on a branch that undoes an earlier commit. The commit of a transaction is a merge: pass `parentNumber: 1`. Errors:
   * ABORTED `MERGE_CONFLICT`; FAILED_PRECONDITION `NO_CHANGES` or `BASE_DIRTY`.
   */
  async revert(repository: string, branch: string, ref: string, options: RevertOptions = {}): Promise<Commit> {
    const { message = "", metadata = {}, parentNumber = 0 } = options;
    const request = { repository, branch, ref, parentNumber, message, metadata };
    return commit((await this.#change(METHODS.revert, request, options)).commit);
  }

  /** Applies the changes of a commit to a branch, and commits them there. Errors: ABORTED `MERGE_CONFLICT`; `BASE_DIRTY`. */
  async cherryPick(repository: string, branch: string, ref: string, options: CherryPickOptions = {}): Promise<Commit> {
    const { parentNumber = 0 } = options;
    return commit((await this.#change(METHODS.cherryPick, { repository, branch, ref, parentNumber }, options)).commit);
  }

  /** Discards uncommitted changes of a branch, or moves the branch to another commit. Errors: NOT_FOUND. */
  async reset(repository: string, branch: string, options: ResetOptions = {}): Promise<Branch> {
    const { path = "", prefix = "", targetRef = "" } = options;
    const request = { repository, ref: branch, path, prefix, targetRef };
    return named((await this.#change(METHODS.reset, request, options)).branch);
  }

  async *#diff(
    request: MessageInitShape<typeof METHODS.diff.input>,
    options: CallOptions,
  ): AsyncGenerator<PathChange, void, undefined> {
    for await (const { changes } of this.#caller.stream(METHODS.diff, request, options)) {
      yield* changes.map(pathChange);
    }
  }

  /** Sends a call that changes something, with an idempotency key. */
  async #change<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { requestId = randomId(), ...options }: ChangeOptions,
  ): Promise<MessageShape<O>> {
    return this.#caller.unary(method, { ...request, requestId }, options, { isIdempotent: true });
  }
}

function named(message: { name: string; commitId: string } | undefined): { name: string; commitId: string } {
  const { name, commitId } = expect(message, "branch or tag");
  return { name, commitId };
}
