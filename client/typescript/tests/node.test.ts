/** What only the client for Node.js has: streams of Node.js, files, Unix sockets, TLS; and that nothing remains after calls. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  createReadStream as readFile,
  createWriteStream as writeFile,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as connectSocket, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client, createReadStream, createWriteStream, localFile } from "lakeport";
import { bytes, failure, isSame } from "./support/check.js";
import { connect, newRepository, serverAddress } from "./support/server.js";

const MIB = 1 << 20;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "lakeport-"));
  try {
    await run(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 1000 && !condition(); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert(condition(), String(condition));
}

test("streams of Node.js", async () => {
  await withFolder(async (folder) => {
    using client = connect();
    const main = client.files(await newRepository(), "main");
    const data = bytes(5 * MIB + 1);
    writeFileSync(join(folder, "in"), data);
    const upload = createWriteStream(main, "a", { contentType: "text/x-test" });
    await pipeline(readFile(join(folder, "in")), upload);
    assert.equal((await upload.info).sizeBytes, data.length);
    assert.equal((await main.stat("a")).contentType, "text/x-test");
    await pipeline(createReadStream(main, "a"), writeFile(join(folder, "out")));
    assert(isSame(readFileSync(join(folder, "out")), data));
    await main.write("b", readFile(join(folder, "in")));
    await main.write("c", await localFile(join(folder, "in")), { createOnly: true });
    assert.deepEqual(
      [(await main.stat("b")).etag, (await main.stat("c")).etag],
      Array(2).fill((await main.stat("a")).etag),
    );
    await failure(pipeline(createReadStream(main, "missing"), new PassThrough()), "NOT_FOUND");
  });
});

test("a destroyed write stream publishes nothing", async () => {
  using client = connect();
  const main = client.files(await newRepository(), "main");
  for (const error of [undefined, new Error("no")]) {
    const stream = createWriteStream(main, "a");
    stream.on("error", () => undefined);
    stream.write(bytes(2 * MIB));
    stream.destroy(error);
    await failure(stream.info, "CANCELLED");
  }
  const source = new PassThrough();
  const writing = pipeline(source, createWriteStream(main, "a"));
  source.write("some");
  source.destroy(new Error("the source failed"));
  await assert.rejects(writing, /the source failed/);
  assert.equal(await main.exists("a"), false);

  const refused = createWriteStream(client.files("missing-repository", "main"), "a");
  const closed = new Promise<Error>((resolve) => refused.once("error", resolve));
  refused.write(bytes(2 * MIB));
  await failure(
    closed.then((error) => Promise.reject(error)),
    "NOT_FOUND",
  );
  await until(() => client.callsInFlight === 0);
});

test("a file that changes is not published", async () => {
  await withFolder(async (folder) => {
    using client = connect();
    const main = client.files(await newRepository(), "main");
    const path = join(folder, "a");
    writeFileSync(path, bytes(4 * MIB));
    const file = await localFile(path);
    truncateSync(path, MIB);
    await failure(main.write("a", file), "ABORTED");
    const upload = await main.resumableUpload("a", file);
    await failure(upload.run(), "ABORTED");
    await assert.rejects(localFile(folder), /not a regular file/);
    assert.equal(await main.exists("a"), false);
  });
});

/** Forwards connections to the server of the tests. */
function forward(server: Server): Server {
  const [host = "", port] = serverAddress().split(":");
  return server.on("connection", (client) => {
    const target = connectSocket({ host, port: Number(port) });
    client.pipe(target).pipe(client);
    client.on("error", () => target.destroy());
    target.on("error", () => client.destroy());
  });
}

test("a Unix socket", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "s");
    const server = forward(createServer());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    using client = new Client({ endpoint: `unix:${path}`, credentials: null });
    assert.equal((await client.serverInfo()).embedded, true);
    client.close();
    server.close();
  });
});

test("TLS with a CA file", async () => {
  await withFolder(async (folder) => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync(
      "openssl",
      ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, ...subject],
      { stdio: "ignore" },
    );
    const tls = createTlsServer(
      { key: readFileSync(key), cert: readFileSync(cert), ALPNProtocols: ["h2"] },
      (client) => {
        const [host = "", port] = serverAddress().split(":");
        const target = connectSocket({ host, port: Number(port) });
        client.pipe(target).pipe(client);
        client.on("error", () => target.destroy());
      },
    );
    await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
    const { port } = tls.address() as { port: number };
    const endpoint = `grpcs://localhost:${String(port)}`;
    using trusting = new Client({ endpoint, credentials: null, caFile: cert });
    assert.equal((await trusting.serverInfo()).embedded, true);
    using other = new Client({ endpoint, credentials: null });
    const error = await failure(other.serverInfo(), "UNAVAILABLE");
    assert.match(error.message, /self-signed certificate/);
    trusting.close();
    tls.close();
  });
});

test("cancelled calls leave no stream and no timer", async () => {
  using client = connect();
  const main = client.files(await newRepository(), "main");
  await main.write("large", bytes(30 * MIB));
  const before = timers();
  // More calls than one connection can have at a time.
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const stopping = new AbortController();
        const { signal } = stopping;
        if (index % 3 === 0) {
          const download = await main.open("large", { signal });
          stopping.abort();
          await failure(download.bytes(), "CANCELLED");
        } else if (index % 3 === 1) {
          const source = async function* () {
            yield await Promise.resolve(bytes(MIB + 1));
            stopping.abort();
            await new Promise(() => undefined);
          };
          await failure(main.write("b", source(), { signal }), "CANCELLED");
        } else {
          const stat = main.stat("large", { signal });
          stopping.abort();
          await failure(stat, "CANCELLED");
        }
      }),
    );
  }
  assert.equal(client.callsInFlight, 0);
  assert.equal(await main.exists("b"), false);
  await until(() => timers() <= before);
});

/** Number of running timers. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

test("refused uploads report the reason and leave no bytes", async () => {
  using client = connect();
  const missing = client.files(await newRepository(), "missing");
  const refuse = async () => {
    const source = async function* () {
      for (let piece = 0; piece < 4; piece++) {
        yield await Promise.resolve(new Uint8Array(MIB));
      }
    };
    await failure(missing.write("a", source()), "NOT_FOUND", "REF_NOT_FOUND");
  };
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, refuse));
  }
  // Each upload had sent 1 to 4 MiB.
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  await until(() => {
    collectGarbage();
    return process.memoryUsage().arrayBuffers < 50 * MIB;
  });
});

test("a closed client fails at once", async () => {
  const client = connect();
  const repository = await newRepository();
  const watch = (await client.begin(repository, "main")).watch();
  await watch.next();
  const next = watch.next();
  client.close();
  await failure(next, "CANCELLED");
  const error = await failure(client.serverInfo(), "CANCELLED");
  assert.match(error.message, /closed/);
});

test("an idle client and a kept transaction do not keep the process running", async () => {
  const repository = await newRepository();
  const script = `
    import { Client } from "lakeport";
    const client = new Client({ endpoint: "grpc://${serverAddress()}", credentials: null });
    const tx = await client.begin("${repository}", "main");
    await tx.write("a", "1");
    console.log(tx.id);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  assert.equal(code, 0);
  using client = connect();
  const tx = await client.getTransaction(output.trim());
  assert.equal(await tx.readText("a"), "1");
  await tx.rollback();
});

test("a transaction stays open while its scope runs", async () => {
  using client = connect();
  const repository = await newRepository();
  await client.transaction(
    repository,
    "main",
    async (tx) => {
      const begun = tx.info.idleExpireTime?.getTime() ?? 0;
      const other = await client.getTransaction(tx.id);
      for (let attempt = 0; attempt < 100; attempt++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        if (((await other.refresh()).idleExpireTime?.getTime() ?? 0) > begun) {
          return;
        }
      }
      assert.fail("the idle timeout was not restarted");
    },
    { idleTimeoutMs: 10_000 },
  );
});
