import { isResumable, LakeportError, type Upload, UnavailableError } from "lakeport/browser";
import { all, bytes, equal, failure, isSame, ok } from "../support/check.js";
import type { Case } from "./case.js";

const MIB = 1 << 20;

export const uploadCases: Case[] = [
  {
    name: "an interrupted upload is resumed by its ID",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(5 * MIB + 3);
      const file = new File([data], "data.bin", { lastModified: 1_700_000_000_123 });
      const partBytes = MIB;
      const first = await main.resumableUpload("data.bin", file, { partBytes, parallelism: 1, metadata: { a: "b" } });
      const stopping = new AbortController();
      const interrupted = first.run({
        signal: stopping.signal,
        onProgress: ({ sentBytes }) => {
          if (sentBytes >= 2 * MIB) {
            stopping.abort();
          }
        },
      });
      const error = await failure(interrupted, "CANCELLED");
      ok(isResumable(error), "resumable");
      const { resumeId } = first;

      await failure(main.resumableUpload("other", file, { resumeId }), "INVALID_ARGUMENT");
      const changed = new File([data], "data.bin", { lastModified: 1 });
      await failure(main.resumableUpload("data.bin", changed, { resumeId }), "ABORTED");

      const second = await main.resumableUpload("data.bin", file, { resumeId, metadata: { a: "b" } });
      let progress: { sentBytes: number; composedBytes: number } | undefined;
      const info = await second.run({ onProgress: (found) => (progress = found) });
      equal(info.sizeBytes, data.length);
      equal([progress?.sentBytes, progress?.composedBytes], [data.length, data.length]);
      ok(isSame(await main.read("data.bin"), data), "the bytes differ");
      equal((await main.stat("data.bin")).metadata["a"], "b");
      const ended = main.resumableUpload("data.bin", file, { resumeId });
      await failure(ended, "FAILED_PRECONDITION", "TRANSACTION_ROLLED_BACK");
      const open = await all(client.transactions({ repository, states: ["open"] }));
      equal(open.length, 0, "open transactions");
    },
  },
  {
    name: "an error of onProgress ends an upload, which can be resumed",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(9 * MIB);
      // A temporary error of another call, such as one of this client, must not be retried either.
      for (const error of [new Error("no"), new UnavailableError("no", "UNAVAILABLE")]) {
        for (const [partBytes, sentBytes] of [
          [MIB, 1],
          [5 * MIB, 1],
          [MIB, data.length],
        ] as const) {
          const upload = await main.resumableUpload("a", new Blob([data]), { partBytes });
          const [thrown, calls] = await failingRun(upload, error, sentBytes);
          ok(thrown === error, `another error: ${String(thrown)}`);
          equal(calls, 1, "calls after the error");
          await failure(main.stat("a"), "NOT_FOUND");
          equal((await upload.run()).sizeBytes, data.length);
          await main.delete("a");
        }
      }
    },
  },
  {
    name: "an upload into a transaction is published by its commit",
    async run({ client, repository }) {
      await client.transaction(repository, "main", async (tx) => {
        const upload = await tx.resumableUpload("a", new Blob([bytes(10)]), { createOnly: true });
        await upload.run();
        const again = tx.resumableUpload("a", new Blob([]), { createOnly: true });
        await failure(again, "ALREADY_EXISTS", "OBJECT_EXISTS");
        const empty = await tx.resumableUpload("empty", new Blob([]));
        equal((await empty.run()).sizeBytes, 0);
      });
      equal((await client.files(repository, "main").stat("a")).sizeBytes, 10);
    },
  },
  {
    name: "an upload with parts larger than a message",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(9 * MIB);
      const upload = await main.resumableUpload("a", new Blob([data]), { partBytes: 5 * MIB });
      equal((await upload.run()).sizeBytes, data.length);
      ok(isSame(await main.read("a"), data), "the bytes differ");
    },
  },
  {
    name: "an invalid upload is not resumable",
    async run({ client, repository }) {
      const files = client.files(repository, "main");
      const error = await files.resumableUpload("a", new Blob([]), { resumeId: "x" }).catch((error: unknown) => error);
      ok(error instanceof LakeportError && error.code === "NOT_FOUND" && !isResumable(error), String(error));
    },
  },
];

/** Runs an upload whose `onProgress` throws an error from this number of bytes on. Returns the error of the run, and the number of throws. */
async function failingRun(upload: Upload, error: Error, sentBytes: number): Promise<[unknown, number]> {
  let throws = 0;
  const run = upload.run({
    onProgress: (progress) => {
      if (progress.sentBytes >= sentBytes) {
        throws++;
        throw error;
      }
    },
  });
  const thrown = await run.catch((thrown: unknown) => thrown);
  return [thrown, throws];
}
