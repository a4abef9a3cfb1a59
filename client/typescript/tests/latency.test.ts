/** A read over a line with a round-trip time of 20 ms. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { connect, newRepository, serverAddress } from "./support/server.js";

const MIB = 1 << 20;
const SIZE = 128 * MIB;

test("windows do not limit the throughput of a long line", { timeout: 120_000 }, async (context) => {
  const script = new URL("support/delay-proxy.js", import.meta.url).pathname;
  const proxy = spawn(process.execPath, [script, serverAddress(), "10"], { stdio: ["pipe", "pipe", "inherit"] });
  const printed = async () => Number((await once(proxy.stdout, "data")).toString());
  try {
    using client = connect(`127.0.0.1:${String(await printed())}`);
    using direct = connect();
    const repository = await newRepository();
    await direct.files(repository, "main").write("large", new Uint8Array(SIZE));
    const start = performance.now();
    let length = 0;
    for await (const chunk of await client.files(repository, "main").open("large")) {
      length += chunk.length;
    }
    assert.equal(length, SIZE);
    context.diagnostic(`128 MiB at 20 ms: ${String(Math.round(performance.now() - start))} ms`);
    proxy.stdin.end();
    const mostOnTheLine = await printed();
    // With the windows of Node.js, at most 64 KiB.
    assert(mostOnTheLine > MIB, `${String(mostOnTheLine)} bytes`);
  } finally {
    proxy.kill();
  }
});
