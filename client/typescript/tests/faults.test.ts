/** Lost connections and lost responses, in front of a real server. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { type Client, LakeportError, unwrap } from "lakeport";
import { all, bytes, failure, isSame } from "./support/check.js";
import { FaultProxy } from "./support/fault-proxy.js";
import { connect, newRepository, serverAddress } from "./support/server.js";

const MIB = 1 << 20;

interface World {
  readonly proxy: FaultProxy;
  /** Connected through the proxy. */
  readonly client: Client;
  /** Connected to the server. */
  readonly direct: Client;
  readonly repository: string;
}

function faultTest(name: string, run: (world: World, context: TestContext) => Promise<void>): void {
  test(name, { timeout: 120_000 }, async (context) => {
    using proxy = await FaultProxy.start(serverAddress());
    using client = connect(proxy.address);
    using direct = connect();
    await client.serverInfo();
    await run({ proxy, client, direct, repository: await newRepository() }, context);
    assert.equal(proxy.pending, 0, "a fault did not happen");
  });
}

faultTest("a transaction whose response was lost is begun once", async ({ proxy, client, direct, repository }) => {
  proxy.loseResponses(1);
  const tx = await client.begin(repository, "main");
  const found = await all(direct.transactions({ repository }));
  assert.deepEqual(
    found.map(({ transactionId }) => transactionId),
    [tx.id],
  );
  await tx.rollback();
});

faultTest(
  "a commit whose responses were lost returns the one commit",
  async ({ proxy, client, direct, repository }) => {
    await using tx = await client.begin(repository, "main");
    await tx.write("a", "1");
    // More than the retries of other calls.
    proxy.loseResponses(6);
    const { commitId, merged } = await tx.commit({ message: "once" });
    assert(merged);
    const log = await all(direct.versions.log(repository, "main", { firstParent: true }));
    assert.equal(log[0]?.commitId, commitId);
    assert.equal(log.filter(({ message }) => message === "once").length, 1);
  },
);

faultTest("a version call whose response was lost takes effect once", async ({ proxy, client, repository }) => {
  proxy.loseResponses(2);
  const tag = await client.versions.createTag(repository, "v1", "main");
  assert.equal(tag.name, "v1");
  await client.files(repository, "main").write("a", "1");
  proxy.loseResponses(1);
  const commit = await client.versions.createCommit(repository, "main", "one");
  const log = await all(client.versions.log(repository, "main"));
  assert.equal(log[0]?.commitId, commit.commitId);
});

faultTest("data in memory is sent again, a stream is not", async ({ proxy, client, direct, repository }) => {
  const main = client.files(repository, "main");
  const data = bytes(3 * MIB);
  proxy.loseResponses(2);
  await main.write("memory", data, { createOnly: true });
  assert(isSame(await direct.files(repository, "main").read("memory"), data));
  proxy.loseResponses(1);
  unwrap(
    await main.writeMany([
      { path: "a", data: "1", createOnly: true },
      { path: "b", data: "2" },
    ]),
  );
  proxy.loseResponses(1);
  const error = await failure(main.write("stream", new Blob([data]).stream()), "UNAVAILABLE");
  assert.match(error.message, /did not respond/);
});

faultTest(
  "a lost connection is unavailable, and a delete is not repeated",
  async ({ proxy, client, direct, repository }) => {
    const main = client.files(repository, "main");
    await main.write("a", "1");
    proxy.loseResponses(1);
    const error = await failure(main.delete("a"), "UNAVAILABLE");
    assert.equal(error.name, "UnavailableError");
    assert.equal(await direct.files(repository, "main").exists("a"), false);
  },
);

faultTest("a download continues after cuts", async ({ proxy, client, direct, repository }) => {
  const data = bytes(24 * MIB);
  await direct.files(repository, "main").write("large", data);
  proxy.cutAfter(5 * MIB, 3);
  assert(isSame(await client.files(repository, "main").read("large"), data));
  proxy.cutAfter(2 * MIB, 1);
  const part = await client.files(repository, "main").read("large", { offset: MIB, limit: 9 * MIB });
  assert(isSame(part, data.subarray(MIB, 10 * MIB)));
  proxy.cutAfter(2 * MIB, 1);
  assert(isSame(await client.files(repository, "main").read("large", { offset: -5 * MIB }), data.subarray(19 * MIB)));
});

faultTest("a download of an object that changed fails", async ({ proxy, client, direct, repository }) => {
  const main = client.files(repository, "main");
  await direct.files(repository, "main").write("large", bytes(40 * MIB, 1));
  const download = await main.open("large");
  await direct.files(repository, "main").write("large", bytes(40 * MIB, 2));
  proxy.cut();
  await failure(download.bytes(), "FAILED_PRECONDITION", "ETAG_MISMATCH");
});

faultTest("a listing continues after cuts", async ({ proxy, client, direct, repository }) => {
  const paths = Array.from(
    { length: 4000 },
    (_, index) => `${"long-name-".repeat(20)}${String(index).padStart(5, "0")}`,
  );
  unwrap(await direct.files(repository, "main").writeMany(paths.map((path) => ({ path, data: "" }))));
  const main = client.files(repository, "main");
  proxy.cutAfter(400_000, 2);
  assert.deepEqual(
    (await all(main.list())).map(({ path }) => path),
    paths,
  );
  proxy.cutAfter(400_000, 1);
  assert.equal((await all(main.list({ limit: 3500 }))).length, 3500);
});

faultTest("batches and ranges continue after cuts", async ({ proxy, client, direct, repository }) => {
  const objects = Array.from({ length: 24 }, (_, index) => ({
    path: `a/${String(index)}`,
    data: bytes(MIB / 2, index),
  }));
  unwrap(await direct.files(repository, "main").writeMany(objects));
  const main = client.files(repository, "main");
  proxy.cutAfter(5 * MIB, 2);
  const read = unwrap(await main.readMany(objects.map(({ path }) => path)));
  assert(read.every((data, index) => isSame(data, objects[index]?.data ?? new Uint8Array())));

  const data = bytes(12 * MIB);
  await direct.files(repository, "main").write("large", data);
  const ranges = Array.from({ length: 12 }, (_, index) => ({ offset: index * MIB, limit: MIB - 1 }));
  proxy.cutAfter(5 * MIB, 2);
  const found = await main.readRanges("large", ranges);
  found.forEach((part, index) => {
    assert(!(part instanceof LakeportError) && isSame(part, data.subarray(index * MIB, index * MIB + MIB - 1)));
  });
});

faultTest("a watch continues after a cut", async ({ proxy, client, direct, repository }) => {
  await using tx = await direct.begin(repository, "main");
  const watch = (await client.getTransaction(tx.id)).watch();
  await watch.next();
  proxy.cut();
  await tx.write("a", "1");
  await tx.commit();
  const states = (await all(watch)).map(({ transaction }) => transaction.state);
  assert.equal(states.at(-1), "committed");
});

faultTest("a resumable upload survives cuts and an outage", async ({ proxy, client, direct, repository }) => {
  const data = bytes(12 * MIB);
  const upload = await client.files(repository, "main").resumableUpload("a", new Blob([data]), { partBytes: 2 * MIB });
  proxy.loseResponses(3);
  let isRefusing = false;
  await upload.run({
    onProgress: ({ sentBytes }) => {
      if (sentBytes > 6 * MIB && !isRefusing) {
        isRefusing = true;
        proxy.refuse();
        setTimeout(() => {
          proxy.forward();
        }, 2000);
      }
    },
  });
  assert(isRefusing);
  assert(isSame(await direct.files(repository, "main").read("a"), data));
});

faultTest("calls end after their timeout if the server is silent", async ({ proxy, client, repository }) => {
  const main = client.files(repository, "main");
  await main.write("large", bytes(40 * MIB));
  const download = await main.open("large", { timeoutMs: 700 });
  const iterator = download[Symbol.asyncIterator]();
  await iterator.next();
  proxy.stall();
  const options = { timeoutMs: 700 };
  const drain = async () => {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next());
  };
  const calls = {
    stat: main.stat("large", options),
    list: all(main.list(options)),
    open: main.open("large", options),
    write: main.write("b", bytes(100), options),
    "large write": main.write("b", bytes(40 * MIB), options),
    stream: main.write("c", new Blob([bytes(100)]).stream(), options),
    download: drain(),
  };
  const start = performance.now();
  const checks = Object.entries(calls).map(async ([name, call]) => {
    const error = await failure(call, "DEADLINE_EXCEEDED");
    assert.match(error.message, /made no progress|did not complete/, name);
    assert(performance.now() - start < 1700, `${name} took ${String(performance.now() - start)} ms`);
  });
  await Promise.all(checks);
});

faultTest("an unreachable server is reported after four attempts", async ({ proxy, client, repository }) => {
  proxy.refuse();
  // The first call may still use the connection that was cut.
  await failure(client.serverInfo(), "UNAVAILABLE");
  const before = proxy.connections;
  const start = performance.now();
  await failure(client.files(repository, "main").stat("a"), "UNAVAILABLE");
  assert.equal(proxy.connections - before, 4);
  assert(performance.now() - start < 5000);
});
