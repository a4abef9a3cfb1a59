import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import { ErrorReason } from "./gen/lakeport/v1/errors_pb.js";
import type { DeleteResponse } from "./gen/lakeport/v1/files_pb.js";
import { all, begin, bytes, failure, read, write } from "./calls.js";
import { crc32c } from "./crc32c.js";
import { connect } from "./server.js";

test("parts in a transaction become one object", async () => {
  const server = await connect();
  const transactionId = await begin(server);
  await write(server, { transactionId }, "parts/1", "Hello, ");
  await write(server, { transactionId }, "parts/2", "world");
  const request = {
    transactionId,
    path: "greeting.txt",
    sourcePaths: ["parts/1", "parts/2"],
    objectCrc32c: crc32c(bytes("Hello, world")),
    deleteSources: true,
    requestId: "greeting-ts",
  };
  // The second call finds the object of the first one, although the parts no longer exist.
  for (let call = 0; call < 2; call++) {
    const last = (await all(server.files.compose(request))).at(-1);
    assert.equal(last?.info?.path, "greeting.txt");
    assert.equal(last.info.sizeBytes, 12n);
  }
  const missing = server.files.stat({ transactionId, path: "parts/1" });
  await failure(missing, Code.NotFound, ErrorReason.OBJECT_NOT_FOUND);
  await server.transactions.commitTransaction({ transactionId });
  assert.equal(await read(server, "greeting.txt"), "Hello, world");
});

test("a partial failure of Delete has counts", async () => {
  const server = await connect();
  await write(server, { ref: "main" }, "a", "a");
  const messages: DeleteResponse[] = [];
  const deletion = async () => {
    const paths = ["a", "missing"];
    for await (const message of server.files.delete({ repository: server.repository, ref: "main", paths })) {
      messages.push(message);
    }
  };
  const info = await failure(deletion(), Code.FailedPrecondition, ErrorReason.PARTIAL_FAILURE);
  assert.equal(info.metadata["succeeded"], "1");
  assert.equal(info.metadata["failed"], "1");
  const failures = messages.flatMap((message) => message.failures);
  assert.deepEqual(
    failures.map(({ path, status }) => [path, status?.code]),
    [["missing", Code.NotFound]],
  );
});

test("Presign is unimplemented on an embedded lake", async () => {
  const server = await connect();
  await write(server, { ref: "main" }, "a", "a");
  const presigned = server.files.presign({ repository: server.repository, ref: "main", path: "a" });
  await failure(presigned, Code.Unimplemented, ErrorReason.UNSUPPORTED);
});

test("batches have checksums", async () => {
  const server = await connect();
  const target = { repository: server.repository, ref: "main" };
  const items = [
    { path: "new", data: bytes("new"), crc32c: crc32c(bytes("new")), ifNoneMatch: "*", writeId: "new-1" },
    { path: "damaged", data: bytes("damaged"), crc32c: crc32c(bytes("other")) },
  ];
  // The second call finds the object of the first one by its write_id.
  for (let call = 0; call < 2; call++) {
    const { results } = await server.files.batchWrite({ ...target, items });
    assert.deepEqual(
      results.map(({ status }) => status?.code ?? 0),
      [0, Code.InvalidArgument],
    );
  }
  const [message] = await all(server.files.batchRead({ ...target, paths: ["new"] }));
  const item = message?.items[0];
  assert.deepEqual(item?.data, bytes("new"));
  assert.equal(item.crc32c, crc32c(item.data));
});
