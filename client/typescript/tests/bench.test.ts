/** The worker of the benchmark of the clients. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { newRepository, serverAddress } from "./support/server.js";

interface Outcome {
  seconds: number;
  bytes: number;
}

const script = new URL("../bench/worker.js", import.meta.url).pathname;

/** Runs the worker with jobs for three objects of 3 MB. */
async function run(...operations: string[]) {
  const jobs = operations.map((operation) =>
    JSON.stringify({ operation, path: "a", calls: 3, size: 3_000_000, callers: 2 }),
  );
  const env = { ...process.env, LAKEPORT_ENDPOINT: `grpc://${serverAddress()}` };
  const input = jobs.join("\n");
  return spawnSync(process.execPath, [script, await newRepository()], { env, input, encoding: "utf8" });
}

test("each job has an outcome", async () => {
  const { status, stdout, stderr } = await run("write", "stat", "read");
  assert.equal(status, 0, stderr);
  const outcomes = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Outcome);
  assert.deepEqual(
    outcomes.map(({ bytes }) => bytes),
    [9_000_000, 9_000_000, 9_000_000],
  );
  assert(outcomes.every(({ seconds }) => seconds > 0));
});

test("a failed call ends the worker", async () => {
  const { status, stderr } = await run("read");
  assert.equal(status, 1);
  assert.match(stderr, /NOT_FOUND/);
});
