import { all, equal, failure, ok } from "../support/check.js";
import type { Case } from "./case.js";

export const versionCases: Case[] = [
  {
    name: "repositories, branches and tags",
    async run({ client, repository }) {
      const { versions } = client;
      const found = await versions.getRepository(repository);
      equal([found.name, found.defaultBranch, found.readOnly], [repository, "main", false]);
      ok((await all(versions.repositories({ prefix: repository }))).length === 1, "listed");
      await failure(versions.createRepository(repository), "ALREADY_EXISTS", "REPOSITORY_EXISTS");
      const branch = await versions.createBranch(repository, "feature", "main");
      equal(await versions.getBranch(repository, "feature"), branch);
      await failure(versions.createBranch(repository, "feature", "main"), "ALREADY_EXISTS", "BRANCH_EXISTS");
      equal(
        (await all(versions.branches(repository))).map(({ name }) => name),
        ["feature", "main"],
      );
      const requestId = `tag-${repository}`;
      const tag = await versions.createTag(repository, "v1", "feature", { requestId });
      equal(await versions.createTag(repository, "v1", "feature", { requestId }), tag);
      equal(await versions.getTag(repository, "v1"), { name: "v1", commitId: branch.commitId });
      equal(await all(versions.tags(repository)), [tag]);
      await versions.deleteTag(repository, "v1");
      await versions.deleteBranch(repository, "feature");
      await failure(versions.deleteBranch(repository, "main"), "FAILED_PRECONDITION", "DEFAULT_BRANCH");
      await failure(versions.getTag(repository, "v1"), "NOT_FOUND", "REF_NOT_FOUND");
    },
  },
  {
    name: "commits, differences and merges",
    async run({ client, repository }) {
      const { versions } = client;
      const start = await versions.getCommit(repository, "main");
      await versions.createBranch(repository, "feature", "main");
      await client.files(repository, "feature").write("a", "1");
      const uncommitted = await all(versions.uncommitted(repository, "feature"));
      equal(uncommitted, [{ path: "a", kind: "added", sizeBytes: 1 }]);
      const commit = await versions.createCommit(repository, "feature", "first", { metadata: { by: "test" } });
      equal([commit.message, commit.metadata["by"], commit.parentCommitIds], ["first", "test", [start.commitId]]);
      await failure(versions.createCommit(repository, "feature", "none"), "FAILED_PRECONDITION", "NO_CHANGES");
      equal((await all(versions.diff(repository, "main", "feature"))).length, 1);
      equal((await all(versions.diff(repository, "main", "feature", { mode: "two_dot", prefix: "b" }))).length, 0);
      const head = await versions.merge(repository, "feature", "main", { message: "merge", squash: true });
      equal((await versions.getBranch(repository, "main")).commitId, head);
      const log = await all(versions.log(repository, "main", { limit: 1, since: new Date(0) }));
      equal(
        log.map(({ commitId }) => commitId),
        [head],
      );
      equal((await all(versions.log(repository, "main", { stopAtRef: head }))).length, 1);
      const reverted = await versions.revert(repository, "main", head);
      equal(await client.files(repository, "main").exists("a"), false);
      await versions.cherryPick(repository, "main", commit.commitId);
      equal(await client.files(repository, "main").exists("a"), true);
      await client.files(repository, "main").write("b", "2");
      await versions.reset(repository, "main", { path: "b" });
      equal(await client.files(repository, "main").exists("b"), false);
      equal((await versions.reset(repository, "main", { targetRef: reverted.commitId })).commitId, reverted.commitId);
    },
  },
];
