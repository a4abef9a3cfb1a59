import { LakeportError, PartialFailureError, unwrap } from "lakeport/browser";
import { all, bytes, equal, failure, isSame, ok } from "../support/check.js";
import type { Case } from "./case.js";

const MIB = 1 << 20;

export const fileCases: Case[] = [
  {
    name: "an object keeps its bytes, content type and metadata",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const options = { contentType: "text/x-test", metadata: { colour: "blue" } };
      const stored = await main.write("a/ü b.txt", "grüße", options);
      equal([stored.path, stored.kind, stored.sizeBytes], ["a/ü b.txt", "object", 7]);
      const info = await main.stat("a/ü b.txt");
      equal([info.contentType, info.metadata, info.etag], ["text/x-test", { colour: "blue" }, stored.etag]);
      ok(info.updateTime instanceof Date, "updateTime");
      equal(await main.readText("a/ü b.txt"), "grüße");
      equal((await main.setMetadata("a/ü b.txt", { colour: "red" })).metadata, { colour: "red" });
      equal(await main.exists("a/ü b.txt"), true);
      equal(await main.exists("a"), false);
      const error = await failure(main.stat("a"), "NOT_FOUND", "OBJECT_NOT_FOUND");
      equal([error.name, error.paths], ["NotFoundError", ["a"]]);
    },
  },
  {
    name: "every kind of data is stored",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(3000);
      const pieces = [data.subarray(0, 10), data.subarray(10, 10), data.subarray(10)];
      const kinds = {
        bytes: data,
        buffer: data.buffer,
        view: new DataView(data.buffer, 0, data.length),
        blob: new Blob([data]),
        iterable: pieces,
        generator: (async function* () {
          for (const piece of pieces) {
            yield await Promise.resolve(piece);
          }
        })(),
        stream: new Blob([data]).stream(),
      };
      for (const [kind, value] of Object.entries(kinds)) {
        equal((await main.write(kind, value)).sizeBytes, 3000, kind);
        ok(isSame(await main.read(kind), data), kind);
      }
      equal((await main.write("empty", "")).sizeBytes, 0);
      equal((await main.read("empty")).length, 0);
      await failure(main.write("wrong", 7 as unknown as string), "INVALID_ARGUMENT");
    },
  },
  {
    name: "a large object is stored and read in pieces",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(9 * MIB + 5);
      equal((await main.write("large", data)).sizeBytes, data.length);
      const download = await main.open("large");
      equal([download.info.path, download.offset, download.sizeBytes], ["large", 0, data.length]);
      ok(isSame(await download.bytes(), data), "the bytes differ");
      equal((await all(client.transactions({ repository, states: ["open"] }))).length, 0, "open transactions");
    },
  },
  {
    name: "ranges and preconditions",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const { etag } = await main.write("a", "0123456789");
      equal(await main.readText("a", { offset: 3, limit: 4 }), "3456");
      equal(await main.readText("a", { offset: -2 }), "89");
      equal(await main.readText("a", { offset: 10 }), "");
      await failure(main.read("a", { offset: 11 }), "OUT_OF_RANGE", "RANGE_OUT_OF_BOUNDS");
      await failure(main.read("a", { limit: 0 }), "INVALID_ARGUMENT");
      await failure(main.read("a", { offset: 1.5 }), "INVALID_ARGUMENT");
      equal(await main.readText("a", { ifMatch: etag }), "0123456789");
      await failure(main.read("a", { ifMatch: "other" }), "FAILED_PRECONDITION", "ETAG_MISMATCH");
      await failure(main.read("a", { ifNoneMatch: etag }), "FAILED_PRECONDITION", "NOT_MODIFIED");
      const ranges = [
        { offset: 0, limit: 2 },
        { offset: 99, limit: 1 },
        { offset: 8, limit: 9 },
        { offset: 4, limit: 1 },
      ];
      const found = await main.readRanges("a", ranges);
      const texts = found.map((part) => (part instanceof LakeportError ? part.reason : new TextDecoder().decode(part)));
      equal(texts, ["01", "RANGE_OUT_OF_BOUNDS", "89", "4"]);
    },
  },
  {
    name: "a download can be closed early",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      await main.write("large", bytes(8 * MIB));
      const download = await main.open("large");
      for await (const chunk of download) {
        ok(chunk.length > 0, "empty chunk");
        break;
      }
      await download.close();
      const stream = (await main.open("large")).stream();
      const reader = stream.getReader();
      await reader.read();
      await reader.cancel();
      await using unread = await main.open("large");
      equal(unread.sizeBytes, 8 * MIB);
      await unread.close();
      await until(() => client.callsInFlight === 0);
    },
  },
  {
    name: "create-only writes never replace an object",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      await main.write("a", "1", { createOnly: true, writeId: repository });
      await main.write("a", "1", { createOnly: true, writeId: repository });
      await failure(main.write("a", "2", { createOnly: true }), "ALREADY_EXISTS", "OBJECT_EXISTS");
      await failure(main.write("a", bytes(5 * MIB), { createOnly: true }), "ALREADY_EXISTS", "OBJECT_EXISTS");
      equal(await main.readText("a"), "1");
    },
  },
  {
    name: "a failed source stores nothing",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      for (const size of [10, 5 * MIB]) {
        const source = (async function* () {
          yield await Promise.resolve(bytes(size));
          throw new Error("the disk is gone");
        })();
        const error = await main.write("a", source).catch((error: unknown) => error);
        equal((error as Error).message, "the disk is gone");
      }
      await failure(main.write("a", "abc", { sizeBytes: 2 }), "INVALID_ARGUMENT", "WRITE_INCOMPLETE");
      equal(await main.exists("a"), false);
      await until(() => client.callsInFlight === 0);
    },
  },
  {
    name: "a writer publishes when it is closed, and only then",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const data = bytes(2 * MIB + 7);
      const writable = main.writable("a");
      await new Blob([data]).stream().pipeTo(writable);
      equal((await writable.info).sizeBytes, data.length);
      ok(isSame(await main.read("a"), data), "the bytes differ");

      const aborted = main.writable("b");
      const writer = aborted.getWriter();
      await writer.write("some");
      await writer.abort(new Error("no"));
      await failure(aborted.info, "CANCELLED");
      equal(await main.exists("b"), false);

      const refused = client.files(repository, "missing").writable("c");
      const toRefused = refused.getWriter();
      await toRefused.write("some").catch(() => undefined);
      await failure(toRefused.close(), "NOT_FOUND", "REF_NOT_FOUND");
      await failure(refused.info, "NOT_FOUND", "REF_NOT_FOUND");
    },
  },
  {
    name: "a listing has pages, prefixes, globs and limits",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const paths = Array.from({ length: 30 }, (_, index) => `d${String(index % 3)}/${String(index).padStart(2, "0")}`);
      unwrap(await main.writeMany([...paths, "top.csv"].map((path) => ({ path, data: path }))));
      const names = async (options: Parameters<typeof main.list>[0]) =>
        (await all(main.list(options))).map((f) => f.path);
      equal(await names({ delimiter: "/" }), ["d0/", "d1/", "d2/", "top.csv"]);
      equal(await names({ matchGlob: "*.csv" }), ["top.csv"]);
      equal(await names({ maxDepth: 1 }), ["top.csv"]);
      equal(await names({ prefix: "d1/", limit: 2 }), ["d1/01", "d1/04"]);
      equal(await names({ prefix: "nothing" }), []);
      const [page] = await all(main.listPages({ limit: 31 }));
      equal(page?.entries.length, 31);
      await failure(all(main.list({ pageToken: "00" })), "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID");
      await failure(all(client.files(repository, "missing").list()), "NOT_FOUND", "REF_NOT_FOUND");
    },
  },
  {
    name: "batches return results in order",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const objects = Array.from({ length: 40 }, (_, index) => ({
        path: `b/${String(index)}`,
        data: bytes(90_000, index),
      }));
      const large = { path: "b/large", data: bytes(4 * MIB) };
      const again = { path: "b/0", data: "twice" };
      const results = await main.writeMany([...objects, large, again]);
      equal(results.length, 42);
      unwrap(results.slice(0, 41));
      equal((results[41] as LakeportError).code, "INVALID_ARGUMENT");
      const paths = objects.map(({ path }) => path);
      const found = await main.readMany([...paths, "missing", "b/large"]);
      objects.forEach(({ data }, index) => {
        ok(isSame(found[index] as Uint8Array, data), `object ${String(index)}`);
      });
      equal((found[40] as LakeportError).reason, "OBJECT_NOT_FOUND");
      ok(isSame(found[41] as Uint8Array, large.data), "the large object");
      const infos = await main.statMany([...paths, "missing"]);
      equal(
        unwrap(infos.slice(0, 40)).map(({ path }) => path),
        paths,
      );
      ok(infos[40] instanceof LakeportError, "missing");
      equal(await main.statMany([]), []);
      const created = await main.writeMany([
        { path: "b/0", data: "x", createOnly: true },
        { path: "new", data: "", createOnly: true },
      ]);
      equal([(created[0] as LakeportError).reason, created[1] instanceof LakeportError], ["OBJECT_EXISTS", false]);
    },
  },
  {
    name: "deletes, copies and moves raise partial failures",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      unwrap(await main.writeMany(["t/1", "t/2", "u"].map((path) => ({ path, data: path }))));
      equal(await main.copy("t", "c", { recursive: true }), ["c/1", "c/2"]);
      equal(await main.move("c", "m", { recursive: true }), ["m/1", "m/2"]);
      equal(await main.delete("m", { recursive: true }), 2);
      await failure(main.copy("t", "t/x", { recursive: true }), "INVALID_ARGUMENT", "INVALID_FIELD");
      await failure(main.delete("m"), "NOT_FOUND", "OBJECT_NOT_FOUND");
      await main.delete("m", { allowMissing: true });
      const error = await failure(main.deleteMany(["u", "v", "w"]), "FAILED_PRECONDITION", "PARTIAL_FAILURE");
      ok(error instanceof PartialFailureError, "class");
      equal([...error.paths].sort(), ["v", "w"]);
      equal(
        error.failures.map((failure) => failure.error.reason),
        ["OBJECT_NOT_FOUND", "OBJECT_NOT_FOUND"],
      );
      equal(await main.exists("u"), false);
      equal(await main.deleteMany([]), 0);
    },
  },
  {
    name: "parts are composed once",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      unwrap(await main.writeMany(["p/1", "p/2"].map((path) => ({ path, data: path }))));
      const options = { deleteSources: true, requestId: `compose-${repository}`, sizeBytes: 6 };
      for (let call = 0; call < 2; call++) {
        equal((await main.compose(["p/1", "p/2"], "whole", options)).sizeBytes, 6);
      }
      equal(await main.readText("whole"), "p/1p/2");
      equal((await all(main.list({ prefix: "p/" }))).length, 0);
      await failure(main.compose(["whole"], "w", { crc32c: 1 }), "INVALID_ARGUMENT", "CHECKSUM_MISMATCH");
      await failure(main.presign("whole"), "UNIMPLEMENTED", "UNSUPPORTED");
    },
  },
  {
    name: "an aborted signal cancels a call",
    async run({ client, repository }) {
      const main = client.files(repository, "main");
      const error = await failure(main.stat("a", { signal: AbortSignal.abort("enough") }), "CANCELLED");
      equal([error.name, error.cause], ["AbortError", "enough"]);
      const controller = new AbortController();
      const source = (async function* () {
        yield await Promise.resolve(bytes(2 * MIB));
        controller.abort();
        await new Promise(() => undefined);
      })();
      await failure(main.write("a", source, { signal: controller.signal }), "CANCELLED");
      equal(await main.exists("a"), false);
      await failure(main.stat("a", { timeoutMs: -1 }), "INVALID_ARGUMENT");
      await until(() => client.callsInFlight === 0);
    },
  },
];

/** Waits for a condition, for at most 10 s. */
async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (condition()) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ok(false, `the condition is still false: ${String(condition)}`);
}
