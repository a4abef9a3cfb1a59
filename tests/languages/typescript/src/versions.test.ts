import assert from "node:assert/strict";
import { test } from "node:test";
import { PathChange_Kind } from "./gen/lakeport/v1/changes_pb.js";
import { DiffMode } from "./gen/lakeport/v1/versions_pb.js";
import { all, commitBranch, write } from "./calls.js";
import { connect } from "./server.js";

test("repositories, branches and tags have names", async () => {
  const { versions, repository } = await connect();
  const got = await versions.getRepository({ repository });
  assert.equal(got.repository?.name, repository);
  assert.equal(got.repository.defaultBranch, "main");
  const request = { repository, ref: "main", branch: "feature", requestId: "create-feature-ts" };
  const { branch } = await versions.createBranch(request);
  assert.equal(branch?.name, "feature");
  const retried = await versions.createBranch(request);
  assert.deepEqual(retried.branch, branch);
  const { tag } = await versions.createTag({ repository, ref: "feature", tag: "v1", requestId: "create-v1-ts" });
  assert.equal(tag?.name, "v1");
  assert.equal(tag.commitId, branch.commitId);
});

test("uncommitted differences are PathChanges", async () => {
  const server = await connect();
  await write(server, { ref: "main" }, "a", "a");
  await commitBranch(server, "main");
  await write(server, { ref: "main" }, "a", "longer");
  const request = { repository: server.repository, ref: "main", mode: DiffMode.UNCOMMITTED };
  const messages = await all(server.versions.diff(request));
  assert.deepEqual(
    messages.flatMap(({ changes }) => changes).map(({ path, kind, sizeBytes }) => [path, kind, sizeBytes]),
    [["a", PathChange_Kind.CHANGED, 6n]],
  );
});
