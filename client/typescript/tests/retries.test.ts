/** Retries and damaged responses, with a server that fails as told. */
import assert from "node:assert/strict";
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { constants, createServer, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { Client, type Files, localFile, type Transaction } from "lakeport";
import { TransactionState, type WriteRequest } from "lakeport/v1";
import { crc32c } from "../src/checksum.js";
import { all, bytes, failure } from "./support/check.js";
import { fail, failing, FakeServer } from "./support/fake-server.js";
import { connect } from "./support/server.js";

const unavailable = () => fail(Code.Unavailable, "LAKEFS_UNAVAILABLE");
const info = { path: "a", sizeBytes: 4n, etag: "e1" };

test("an idempotent call has four attempts", async () => {
  for (const [failures, succeeds] of [
    [3, true],
    [4, false],
  ] as const) {
    const next = failing(...Array.from({ length: failures }, unavailable));
    using server = await FakeServer.start({ files: { stat: () => (next(), { info }) } });
    using client = connect(server.address);
    const call = client.files("r", "main").stat("a");
    if (succeeds) {
      assert.equal((await call).etag, "e1");
    } else {
      await failure(call, "UNAVAILABLE", "LAKEFS_UNAVAILABLE");
    }
    assert.equal(next.calls, 4);
  }
});

test("permanent errors and unknown reasons are not retried", async () => {
  for (const [code, name, reason] of [
    [Code.NotFound, "NOT_FOUND", "OBJECT_NOT_FOUND"],
    [Code.Internal, "INTERNAL", "INTERNAL"],
    [Code.Aborted, "ABORTED", "FROM_THE_FUTURE"],
    [Code.ResourceExhausted, "RESOURCE_EXHAUSTED", "STORAGE_FULL"],
    [Code.Canceled, "CANCELLED", "FROM_THE_FUTURE"],
  ] as const) {
    const next = failing(fail(code, reason), fail(code, reason));
    using server = await FakeServer.start({ files: { stat: () => (next(), { info }) } });
    using client = connect(server.address);
    const error = await failure(client.files("r", "main").stat("a"), name, reason);
    assert.equal(next.calls, 1);
    assert.deepEqual(error.metadata, { key: "value" });
  }
});

test("a reason of another domain is ignored", async () => {
  const next = failing(fail(Code.NotFound, "OBJECT_NOT_FOUND", undefined, "elsewhere.dev"));
  using server = await FakeServer.start({ files: { stat: () => (next(), { info }) } });
  using client = connect(server.address);
  const error = await failure(client.files("r", "main").stat("a"), "NOT_FOUND");
  assert.equal(error.reason, undefined);
});

test("a retry waits as long as the server asks", async () => {
  const pushback = new ConnectError("no", Code.Unavailable, { "grpc-retry-pushback-ms": "600" });
  for (const error of [fail(Code.Unavailable, "WRITE_IN_DOUBT", 600), pushback]) {
    const next = failing(error);
    using server = await FakeServer.start({ files: { stat: () => (next(), { info }) } });
    using client = connect(server.address);
    const start = performance.now();
    await client.files("r", "main").stat("a");
    const waited = performance.now() - start;
    assert(waited >= 599 && waited < 2000, `${String(waited)} ms`);
    assert.equal(next.calls, 2);
  }
});

test("overload is waited out within the timeout, for every call", async () => {
  const overloaded = () => fail(Code.ResourceExhausted, "OVERLOADED", 20);
  const next = failing(...Array.from({ length: 4 }, overloaded));
  const always = () => {
    throw overloaded();
  };
  const files = {
    delete: async function* () {
      next();
      yield await Promise.resolve({ deletedCount: 1n });
    },
    stat: always,
  };
  using server = await FakeServer.start({ files });
  using client = connect(server.address);
  assert.equal(await client.files("r", "main").delete("a"), 1);
  assert.equal(next.calls, 5);
  const start = performance.now();
  await failure(client.files("r", "main").stat("a", { timeoutMs: 1000 }), "RESOURCE_EXHAUSTED", "OVERLOADED");
  assert(performance.now() - start < 2000);
});

test("a write of a stream has one attempt, whatever its error", async () => {
  const reasons = [
    [Code.ResourceExhausted, "OVERLOADED"],
    [Code.Unavailable, "REQUEST_IN_PROGRESS"],
    [Code.Unavailable, "LAKEFS_UNAVAILABLE"],
  ] as const;
  const generator = async function* () {
    yield await Promise.resolve(bytes(4));
  };
  const writes: Record<string, (main: Files) => Promise<unknown>> = {
    generator: (main) => main.write("a", generator()),
    iterable: (main) => main.write("a", [bytes(4)].values()),
    stream: (main) => main.write("a", new Blob([bytes(4)]).stream()),
    writer: (main) => new Blob([bytes(4)]).stream().pipeTo(main.writable("a")),
  };
  for (const [code, reason] of reasons) {
    for (const [name, write] of Object.entries(writes)) {
      const next = failing(fail(code, reason, 20));
      const files = {
        write: async (requests: AsyncIterable<WriteRequest>) => {
          await all(requests);
          next();
          return { info };
        },
      };
      using server = await FakeServer.start({ files });
      using client = connect(server.address);
      await assert.rejects(write(client.files("r", "main")), { reason }, name);
      assert.equal(next.calls, 1, name);
    }
  }
});

test("the waiting for an overloaded server ends, for every call", { timeout: 20_000 }, async () => {
  const overloaded = () => fail(Code.ResourceExhausted, "OVERLOADED", 50);
  const always = () => {
    throw overloaded();
  };
  const streams = async function* () {
    await Promise.reject(overloaded());
    yield {};
  };
  const write = async (requests: AsyncIterable<WriteRequest>) => {
    await all(requests);
    throw overloaded();
  };
  const calls: Record<string, (client: Client, tx: Transaction) => Promise<unknown>> = {
    compose: (client) => client.files("r", "main").compose(["a"], "b"),
    write: (client) => client.files("r", "main").write("a", "1"),
    watch: (_, tx) => all(tx.watch()),
    list: (client) => all(client.files("r", "main").list()),
    stat: (client) => client.files("r", "main").stat("a"),
  };
  const { transactions } = committing(() => undefined);
  using server = await FakeServer.start({
    files: { compose: streams, write, list: streams, stat: always },
    transactions: { ...transactions, watchTransaction: streams },
  });
  for (const [name, call] of Object.entries(calls)) {
    using client = new Client({ endpoint: `grpc://${server.address}`, credentials: null, timeoutMs: 300 });
    const tx = await client.begin("r", "main", { keepAlive: false });
    await assert.rejects(call(client, tx), { reason: "OVERLOADED" }, name);
  }
});

test("the timeout of a write includes the connection", { timeout: 10_000 }, async () => {
  // The TLS handshake never ends.
  const silent = createTcpServer((socket) => socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  using client = new Client({ endpoint: `grpcs://127.0.0.1:${String(port)}`, credentials: null, timeoutMs: 200 });
  try {
    const main = client.files("r", "main");
    await failure(main.write("a", "1"), "DEADLINE_EXCEEDED");
    await failure(main.write("a", new Blob(["1"]).stream()), "DEADLINE_EXCEEDED");
    await failure(main.stat("a"), "DEADLINE_EXCEEDED");
  } finally {
    silent.close();
    client.close();
  }
});

test("an error of the program ends a write unchanged", async () => {
  const next = failing();
  const write = () => (next(), Promise.resolve({ info }));
  using server = await FakeServer.start({ files: { write } });
  using client = connect(server.address);
  const locked = new Blob(["1"]).stream();
  locked.getReader();
  await assert.rejects(client.files("r", "main").write("a", locked), TypeError);
  assert.equal(next.calls, 0);
});

test("a local file that changed during the write is not stored", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lakeport-"));
  try {
    const path = join(folder, "a");
    await writeFile(path, "12345678");
    const file = await localFile(path);
    await writeFile(path, "abcdefgh");
    await utimes(path, 1, 1);
    let isComplete = false;
    const write = async (requests: AsyncIterable<WriteRequest>) => {
      isComplete = (await all(requests)).some(({ finishWrite }) => finishWrite);
      return { info };
    };
    using server = await FakeServer.start({ files: { write } });
    using client = connect(server.address);
    await failure(client.files("r", "main").write("a", file), "ABORTED");
    assert.equal(isComplete, false);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a download that does not fit into memory ends its call", async () => {
  const read = async function* () {
    yield { info: { ...info, sizeBytes: 2n ** 52n }, offset: 0n, data: bytes(4) };
    await new Promise<never>(() => undefined);
  };
  using server = await FakeServer.start({ files: { read } });
  using client = connect(server.address);
  const error = await failure(client.files("r", "main").read("a"), "OUT_OF_RANGE");
  assert.match(error.message, /do not fit into memory/);
  assert.equal(client.callsInFlight, 0);
});

test("a version call waits for the outcome of its first attempt, with one key", async () => {
  const next = failing(
    new ConnectError("lost", Code.Unavailable),
    ...Array.from({ length: 4 }, () => fail(Code.Unavailable, "REQUEST_IN_PROGRESS", 10)),
  );
  const keys = new Set<string>();
  const createTag = ({ requestId }: { requestId: string }) => {
    keys.add(requestId);
    next();
    return { tag: { name: "v1", commitId: "c" } };
  };
  using server = await FakeServer.start({ versions: { createTag } });
  using client = connect(server.address);
  assert.deepEqual(await client.versions.createTag("r", "v1", "main"), { name: "v1", commitId: "c" });
  assert.equal(next.calls, 6);
  assert.equal(keys.size, 1);
  assert.match([...keys].join(), /^[0-9a-f]{32}$/);
  await client.versions.createTag("r", "v1", "main");
  assert.equal(keys.size, 2);
});

test("a commit is repeated while it is in doubt, also after the deadline of an attempt", async () => {
  const next = failing(
    ...Array.from({ length: 6 }, () => fail(Code.Unavailable, "COMMIT_IN_DOUBT", 10)),
    fail(Code.DeadlineExceeded, "DEADLINE_EXCEEDED"),
  );
  const open = { transactionId: "t", state: TransactionState.OPEN };
  const transactions = {
    beginTransaction: () => ({ transaction: open }),
    commitTransaction: () => (next(), { transaction: { ...open, state: TransactionState.COMMITTED } }),
    rollbackTransaction: () => ({ transaction: { ...open, state: TransactionState.ROLLED_BACK } }),
  };
  using server = await FakeServer.start({ transactions });
  using client = connect(server.address);
  const tx = await client.begin("r", "main", { keepAlive: false });
  assert.equal((await tx.commit()).state, "committed");
  assert(next.calls >= 8, String(next.calls));
});

test("a commit in doubt ends after its timeout", async () => {
  const commitTransaction = () => {
    throw fail(Code.Unavailable, "COMMIT_IN_DOUBT", 50);
  };
  const transaction = { transactionId: "t", state: TransactionState.OPEN };
  const rollbacks = failing();
  const rollbackTransaction = () => (rollbacks(), { transaction });
  using server = await FakeServer.start({
    transactions: { beginTransaction: () => ({ transaction }), commitTransaction, rollbackTransaction },
  });
  using client = connect(server.address);
  const tx = await client.begin("r", "main", { keepAlive: false });
  const start = performance.now();
  await failure(tx.commit({ timeoutMs: 1000 }), "UNAVAILABLE", "COMMIT_IN_DOUBT");
  assert(performance.now() - start < 2000);
  await tx[Symbol.asyncDispose]();
  assert.equal(rollbacks.calls, 0, "a commit in doubt was rolled back");
});

const open = { transactionId: "t", state: TransactionState.OPEN };

/** Services in which `commitTransaction` calls `next`, and whose rollbacks are counted. */
function committing(next: () => void) {
  const rollbacks = failing();
  const transactions = {
    beginTransaction: () => ({ transaction: open }),
    commitTransaction: () => (next(), { transaction: { ...open, state: TransactionState.COMMITTED } }),
    getTransaction: () => ({ transaction: { ...open, state: TransactionState.EXPIRED } }),
    rollbackTransaction: () => (rollbacks(), { transaction: { ...open, state: TransactionState.ROLLED_BACK } }),
  };
  return { transactions, rollbacks };
}

test("a commit in doubt stays in doubt after an error that is not its outcome", async () => {
  const lost = () => new ConnectError("lost", Code.Unavailable);
  for (const [first, second] of [
    [lost(), fail(Code.ResourceExhausted, "STORAGE_FULL")],
    [lost(), fail(Code.Unauthenticated, "UNAUTHENTICATED")],
    [lost(), fail(Code.Canceled, "CANCELLED")],
    [lost(), new ConnectError("no", Code.PermissionDenied)],
    [fail(Code.Unavailable, "COMMIT_IN_DOUBT", 10), fail(Code.Unauthenticated, "UNAUTHENTICATED")],
  ] as const) {
    const next = failing(first, second);
    const { transactions, rollbacks } = committing(next);
    using server = await FakeServer.start({ transactions });
    using client = connect(server.address);
    await failure(
      client.transaction("r", "main", () => Promise.resolve(), { keepAlive: false }),
      "UNAVAILABLE",
    );
    assert.equal(next.calls, 2);
    assert.equal(rollbacks.calls, 0, `rolled back after ${second.message}`);
  }
});

test("the outcome of a commit replaces the doubt", async () => {
  const next = failing(fail(Code.Unavailable, "COMMIT_IN_DOUBT", 10), fail(Code.FailedPrecondition, "HOOK_REJECTED"));
  const { transactions, rollbacks } = committing(next);
  using server = await FakeServer.start({ transactions });
  using client = connect(server.address);
  const work = client.transaction("r", "main", () => Promise.resolve(), { keepAlive: false });
  await failure(work, "FAILED_PRECONDITION", "HOOK_REJECTED");
  assert.equal(rollbacks.calls, 1);
});

test("a commit waits for an overloaded server, also after a lost response", async () => {
  const overloaded = fail(Code.ResourceExhausted, "OVERLOADED", 2200);
  const next = failing(new ConnectError("lost", Code.Unavailable), overloaded);
  const { transactions } = committing(next);
  using server = await FakeServer.start({ transactions });
  // The timeout of an attempt is shorter than the pause.
  using client = new Client({ endpoint: `grpc://${server.address}`, credentials: null, timeoutMs: 2000 });
  const tx = await client.begin("r", "main", { keepAlive: false });
  assert.equal((await tx.commit()).state, "committed");
  assert(next.calls >= 3, String(next.calls));
});

test("a commit that was cancelled after its request is not rolled back", async () => {
  const cancelling = new AbortController();
  const { transactions, rollbacks } = committing(failing());
  const never = (_: unknown, { signal }: HandlerContext) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(new Error("cancelled"));
      });
      cancelling.abort();
    });
  using server = await FakeServer.start({ transactions: { ...transactions, commitTransaction: never } });
  using client = connect(server.address);
  const { signal } = cancelling;
  const tx = await client.begin("r", "main", { keepAlive: false });
  await failure(tx.commit({ signal }), "CANCELLED");
  // No request is sent, and the first one may still take effect.
  await failure(tx.commit({ signal }), "CANCELLED");
  await tx[Symbol.asyncDispose]();
  assert.equal(rollbacks.calls, 0);
});

test("a commit that was cancelled before its request is rolled back", async () => {
  const { transactions, rollbacks } = committing(failing());
  using server = await FakeServer.start({ transactions });
  using client = connect(server.address);
  const tx = await client.begin("r", "main", { keepAlive: false });
  await failure(tx.commit({ signal: AbortSignal.abort() }), "CANCELLED");
  await tx[Symbol.asyncDispose]();
  assert.equal(rollbacks.calls, 1);
});

test("client.transaction commits unless its work ended or detached the transaction", async () => {
  const expired = () => fail(Code.FailedPrecondition, "TRANSACTION_EXPIRED");
  for (const [work, commits, rollbacks, reason] of [
    [(tx: Transaction) => tx.refresh(), 1, 0, "TRANSACTION_EXPIRED"],
    [(tx: Transaction) => tx.rollback(), 0, 1, undefined],
    [
      (tx: Transaction) => {
        tx.detach();
        return Promise.resolve();
      },
      0,
      0,
      undefined,
    ],
  ] as const) {
    const next = failing(expired());
    const { transactions, rollbacks: rolledBack } = committing(next);
    using server = await FakeServer.start({ transactions });
    using client = connect(server.address);
    const call = client.transaction("r", "main", (tx) => work(tx) as Promise<unknown>, { keepAlive: false });
    if (reason === undefined) {
      await call;
    } else {
      await failure(call, "FAILED_PRECONDITION", reason);
    }
    assert.deepEqual([next.calls, rolledBack.calls], [commits, rollbacks]);
  }
});

test("retries stop if most calls fail", async () => {
  const always = failing(...Array.from({ length: 1000 }, unavailable));
  using server = await FakeServer.start({ files: { stat: () => (always(), { info }) } });
  using client = connect(server.address);
  await Promise.all(Array.from({ length: 60 }, () => failure(client.files("r", "main").stat("a"), "UNAVAILABLE")));
  // The budget allows 49 retries.
  assert(always.calls < 60 + 50, String(always.calls));
});

test("damaged downloads fail", async () => {
  const data = bytes(4);
  const sum = crc32c(data);
  const good = { info, offset: 0n, data, crc32c: sum };
  for (const [messages, code] of [
    [[{ ...good, crc32c: sum + 1 }], "DATA_LOSS"],
    [[good, { offset: 4n, data, crc32c: sum }], "DATA_LOSS"],
    [
      [
        { ...good, data: data.subarray(0, 1), crc32c: crc32c(data.subarray(0, 1)) },
        { offset: 2n, data },
      ],
      "INTERNAL",
    ],
    [[{ offset: 0n, data }], "INTERNAL"],
    [[], "INTERNAL"],
    [[{ ...good, info: { ...info, sizeBytes: 2n ** 60n } }], "OUT_OF_RANGE"],
  ] as const) {
    const read = async function* () {
      yield* await Promise.resolve(messages);
    };
    using server = await FakeServer.start({ files: { read } });
    using client = connect(server.address);
    await failure(client.files("r", "main").read("a"), code);
  }
});

test("a lost connection is unavailable, however it was lost", async () => {
  const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;
  const headers = { ":status": 200, "content-type": "application/grpc" };
  const losses: Record<string, (stream: ServerHttp2Stream) => void> = {
    "reset with CANCEL": (stream) => {
      stream.close(NGHTTP2_CANCEL);
    },
    "reset with INTERNAL_ERROR": (stream) => {
      stream.close(NGHTTP2_INTERNAL_ERROR);
    },
    "reset with REFUSED_STREAM": (stream) => {
      stream.close(NGHTTP2_REFUSED_STREAM);
    },
    "reset after the headers": (stream) => {
      stream.respond(headers);
      stream.close(NGHTTP2_CANCEL);
    },
    "no trailers": (stream) => {
      stream.respond(headers);
      stream.end();
    },
    "an incomplete message": (stream) => {
      stream.respond(headers);
      stream.end(Uint8Array.of(0, 0, 0, 0, 9, 1));
    },
    "a closed connection": (stream) => {
      stream.session?.destroy();
    },
  };
  for (const [name, lose] of Object.entries(losses)) {
    const server = createServer();
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      lose(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    using client = connect(`127.0.0.1:${String(port)}`);
    const main = client.files("r", "main");
    const write = () => main.write("a", new Blob(["x"]).stream());
    for (const call of [() => main.delete("a"), write, () => main.move("a", "b")]) {
      const error = await failure(call(), "UNAVAILABLE");
      assert.match(error.message, /did not respond/, name);
    }
    client.close();
    server.close();
  }
});

test("the credentials are sent with each call, and are never shown", async () => {
  const next = failing();
  using server = await FakeServer.start({ files: { stat: () => (next(), { info }) } });
  for (const [credentials, header] of [
    [{ accessKeyId: "key", secretAccessKey: "s3cr3t" }, "Basic a2V5OnMzY3IzdA=="],
    [{ token: "s3cr3t" }, "Bearer s3cr3t"],
    [null, undefined],
  ] as const) {
    using client = new Client({ endpoint: `grpc://${server.address}`, credentials });
    await client.files("r", "main").stat("a");
    assert.equal(server.headers.authorization, header);
    assert.equal(server.headers["user-agent"], "lakeport-typescript/0.1.0");
    const shown = inspect(client, { depth: 20, showHidden: true }) + JSON.stringify({ versions: client.versions });
    assert(!shown.includes("s3cr3t") && !shown.includes("a2V5OnMz"), "the client shows its credentials");
  }
});

test("a stream is retried before its first message only", async () => {
  const next = failing(unavailable(), unavailable());
  const diff = async function* () {
    next();
    yield await Promise.resolve({ changes: [{ path: "a", kind: 1 }] });
    throw unavailable();
  };
  using server = await FakeServer.start({ versions: { diff } });
  using client = connect(server.address);
  await failure(all(client.versions.diff("r", "a", "b")), "UNAVAILABLE", "LAKEFS_UNAVAILABLE");
  assert.equal(next.calls, 3);
});

test("a server without gRPC is named", async () => {
  const plain = createServer((_, response) => response.writeHead(404, { "content-type": "text/html" }).end("no"));
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const { port } = plain.address() as AddressInfo;
  using client = connect(`127.0.0.1:${String(port)}`);
  const error = await failure(client.serverInfo(), "UNIMPLEMENTED");
  assert.match(error.message, /HTTP 404/);
  client.close();
  plain.close();
});
