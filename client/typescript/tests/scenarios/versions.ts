/** Operations on repositories, branches, tags and commits. */
import type { Branch, Repository } from "lakeport";
import type { Result } from "./expected.js";
import { all, changes, commit, type Operation, strategyOf, transactionId, transactionOf } from "./operations.js";

export const versions: Readonly<Record<string, Operation>> = {
  async create_repository({ client, call }, { name = "" }) {
    return repositoryFound(await client.versions.createRepository(name, call));
  },

  async get_repository({ client, call }, { name = "" }) {
    return repositoryFound(await client.versions.getRepository(name, call));
  },

  async delete_repository({ client, call }, { name = "" }) {
    await client.versions.deleteRepository(name, call);
    return {};
  },

  async list_repositories({ client, call }, { prefix }) {
    return names(client.versions.repositories({ prefix, ...call }));
  },

  async create_branch({ client, repository, call }, { name = "", from = "" }) {
    return ref(await client.versions.createBranch(repository, name, from, call));
  },

  async get_branch({ client, repository, call }, { name = "" }) {
    return ref(await client.versions.getBranch(repository, name, call));
  },

  async delete_branch({ client, repository, call }, { name = "" }) {
    await client.versions.deleteBranch(repository, name, call);
    return {};
  },

  async list_branches({ client, repository, call }, { prefix }) {
    return names(client.versions.branches(repository, { prefix, ...call }));
  },

  async create_tag({ client, repository, call }, { name = "", from = "" }) {
    return ref(await client.versions.createTag(repository, name, from, call));
  },

  async get_tag({ client, repository, call }, { name = "" }) {
    return ref(await client.versions.getTag(repository, name, call));
  },

  async delete_tag({ client, repository, call }, { name = "" }) {
    await client.versions.deleteTag(repository, name, call);
    return {};
  },

  async list_tags({ client, repository, call }, { prefix }) {
    return names(client.versions.tags(repository, { prefix, ...call }));
  },

  async create_commit(context, step) {
    const { client, repository, call } = context;
    const { at = "main", message = "", metadata, allow_empty: allowEmpty } = step;
    const [id, options] = [transactionId(step), { metadata, allowEmpty, ...call }];
    return commit(
      id === undefined
        ? await client.versions.createCommit(repository, at, message, options)
        : await (await transactionOf(context, id)).createCommit(message, options),
    );
  },

  async get_commit(context, step) {
    const { client, repository, call } = context;
    const id = transactionId(step);
    return commit(
      id === undefined
        ? await client.versions.getCommit(repository, step.at ?? "main", call)
        : await (await transactionOf(context, id)).head(call),
    );
  },

  async log(context, step) {
    const { client, repository, call } = context;
    const { at = "main", limit, paths } = step;
    const options = { limit, paths: paths as readonly string[] | undefined, ...call };
    const id = transactionId(step);
    const found =
      id === undefined ? client.versions.log(repository, at, options) : (await transactionOf(context, id)).log(options);
    return { messages: (await all(found)).map(({ message }) => message) };
  },

  async diff({ client, repository, call }, { at, left = "", right = "" }) {
    return changes(
      at === undefined
        ? client.versions.diff(repository, left, right, call)
        : client.versions.uncommitted(repository, at, call),
    );
  },

  async merge({ client, repository, call }, step) {
    const { from = "", into = "", message } = step;
    const options = { message, strategy: strategyOf(step), ...call };
    return { commit_id: await client.versions.merge(repository, from, into, options) };
  },

  async revert({ client, repository, call }, { at = "", commit: reverted = "", parent }) {
    return commit(await client.versions.revert(repository, at, reverted, { parentNumber: parent, ...call }));
  },

  async cherry_pick({ client, repository, call }, { at = "", commit: picked = "" }) {
    return commit(await client.versions.cherryPick(repository, at, picked, call));
  },

  async reset({ client, repository, call }, { at = "main", path }) {
    await client.versions.reset(repository, at, { path, ...call });
    return {};
  },

  async server_info({ client, call }) {
    return { version: (await client.serverInfo(call)).version };
  },
};

function repositoryFound({ name, defaultBranch }: Repository): Result {
  return { name, default_branch: defaultBranch };
}

function ref({ name, commitId }: Branch): Result {
  return { name, commit_id: commitId };
}

async function names(found: AsyncIterable<{ readonly name: string }>): Promise<Result> {
  return { names: (await all(found)).map(({ name }) => name) };
}
