import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { all } from "./support/check.js";
import { connect, newRepository, serverAddress } from "./support/server.js";

/** Returns a small table with the columns of nycflights13: 100 flights for each month. */
function table(): string {
  const rows = Array.from(
    { length: 1200 },
    (_, index) => `2013,${String((index % 12) + 1)},1,517,UA,N${String(index)}`,
  );
  return ["year,month,day,dep_time,carrier,tailnum", ...rows, ""].join("\n");
}

test("the flights are published once, with a tag", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lakeport-"));
  try {
    const csv = join(folder, "flights.csv");
    writeFileSync(csv, table());
    const repository = await newRepository();
    const script = new URL("../examples/flights.js", import.meta.url).pathname;
    const env = { ...process.env, LAKEPORT_ENDPOINT: `grpc://${serverAddress()}`, HOME: folder };
    const run = () =>
      spawnSync(process.execPath, [script, csv, repository, "main", "flights-2013"], { env, encoding: "utf8" });
    const first = run();
    assert.equal(first.status, 0, first.stderr);
    using client = connect();
    const files = client.files(repository, "flights-2013");
    assert.equal((await all(files.list({ prefix: "flights/2013/" }))).length, 12);
    const january = await files.readText("flights/2013/month=01.csv");
    assert.equal(january.split("\n").length, 102);
    assert(first.stdout.trim().endsWith((await client.versions.getTag(repository, "flights-2013")).commitId));
    const second = run();
    assert.equal(second.status, 1);
    assert.match(second.stderr, /flights-2013/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the tour meets a conflict, a cancellation and a deadline", async () => {
  const repository = await newRepository();
  const script = new URL("../examples/tour.js", import.meta.url).pathname;
  const env = { ...process.env, LAKEPORT_ENDPOINT: `grpc://${serverAddress()}`, HOME: tmpdir() };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, repository], { env, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /by its tag: this is b.txt/);
  for (const expected of [/^ABORTED MERGE_CONFLICT \[ 'a.txt' \]$/m, /^CANCELLED /m, /^DEADLINE_EXCEEDED /m]) {
    assert.match(stdout, expected);
  }
});
