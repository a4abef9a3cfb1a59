/**
 * Runs jobs for the benchmark of the clients, and measures them: `node worker.js REPOSITORY`. LAKEPORT_ENDPOINT has the URL of the
 * server. Reads one job a line from standard input, and prints one outcome a line, both as JSON. The benchmark is `bench` in the root
 * of the project.
 */
import { createInterface } from "node:readline/promises";
import { Client, type FileInfo, type Files } from "lakeport";

/** Work to measure. */
interface Job {
  readonly operation: "stat" | "read" | "write";
  /** Prefix of the paths: call `n`, counted from 0, uses the object `PATH-n`. */
  readonly path: string;
  readonly calls: number;
  /** Size of each object, in bytes. */
  readonly size: number;
  /** Number of calls in flight at the same time. */
  readonly callers: number;
}

/** Result of a job. */
interface Outcome {
  readonly seconds: number;
  /** Sum of the sizes of the objects. */
  readonly bytes: number;
}

const PIECE = new Uint8Array(1 << 20);

function* pieces(bytes: number): Generator<Uint8Array, void, undefined> {
  for (let left = bytes; left > 0; left -= PIECE.length) {
    yield PIECE.subarray(0, Math.min(left, PIECE.length));
  }
}

/** Returns the size of the object. */
async function call(files: Files, job: Job, path: string): Promise<number> {
  switch (job.operation) {
    case "stat":
      return (await files.stat(path)).sizeBytes;
    case "read":
      return read(files, path);
    case "write":
      return (await write(files, path, job.size)).sizeBytes;
  }
}

/** Stores an object. As in a program, only the bytes of a small one are in memory. */
function write(files: Files, path: string, sizeBytes: number): Promise<FileInfo> {
  const data = sizeBytes <= PIECE.length ? PIECE.subarray(0, sizeBytes) : pieces(sizeBytes);
  return files.write(path, data, { sizeBytes });
}

/** Reads an object, discards its bytes and returns their number. */
async function read(files: Files, path: string): Promise<number> {
  let length = 0;
  for await (const chunk of await files.open(path)) {
    length += chunk.length;
  }
  return length;
}

/** Sends the calls of the job. Each caller takes the next one. */
async function run(files: Files, job: Job): Promise<Outcome> {
  const start = performance.now();
  let started = 0;
  let bytes = 0;
  const caller = async () => {
    while (started < job.calls) {
      const size = await call(files, job, `${job.path}-${String(started++)}`);
      bytes += size;
    }
  };
  await Promise.all(Array.from({ length: job.callers }, caller));
  return { seconds: (performance.now() - start) / 1000, bytes };
}

using client = new Client({ credentials: null });
const files = client.files(process.argv[2] ?? "", "main");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await run(files, JSON.parse(line) as Job)));
}
