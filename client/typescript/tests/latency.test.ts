/** A read of 128 MiB over a line with a round-trip time of 20 ms. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { connect, newRepository, serverAddress } from "./support/server.js";

const MIB = 1 << 20;

test("windows do not limit the throughput of a long line", { timeout: 120_000 }, async (context) => {
  const script = new URL("support/delay-proxy.js", import.meta.url).pathname;
  const proxy = spawn(process.execPath, [script, serverAddress(), "10"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [port] = (await once(proxy.stdout, "data")) as [Buffer];
    using client = connect(`127.0.0.1:${port.toString().trim()}`);
    using direct = connect();
    const repository = await newRepository();
    await direct.files(repository, "main").write("large", new Uint8Array(128 * MIB));
    const times: number[] = [];
    for (let run = 0; run < 3; run++) {
      const start = performance.now();
      let length = 0;
      for await (const chunk of await client.files(repository, "main").open("large")) {
        length += chunk.length;
      }
      assert.equal(length, 128 * MIB);
      times.push(Math.round(performance.now() - start));
    }
    context.diagnostic(`128 MiB at 20 ms: ${times.join(", ")} ms`);
    // With the windows of Node.js, 71 s. The limit leaves room for a busy machine.
    assert(Math.min(...times) < 5000, times.join());
  } finally {
    proxy.kill();
  }
});
