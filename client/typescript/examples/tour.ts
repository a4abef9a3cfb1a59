/**
 * Shows transactions, reads, conflicts, cancellation and timeouts.
 *
 *     node tour.js lake
 *
 * The argument is a repository with the branch main.
 */
import { CanceledError, Client, ConflictError, DeadlineExceededError, type Transaction } from "lakeport";

const [repository = ""] = process.argv.slice(2);
using client = new Client(); // uses LAKEPORT_ENDPOINT, and the credentials of lakectl

/** Yields 50 MiB. */
function* pieces(): Generator<Uint8Array> {
  for (let piece = 0; piece < 50; piece += 1) {
    yield new Uint8Array(1 << 20).fill(piece);
  }
}

// Other users do not see the files before the commit.
await client.transaction(repository, "main", async (tx) => {
  await tx.write("a.txt", "this is a.txt");
  await tx.write("b.txt", "this is b.txt");
  await tx.write("large.bin", pieces());
  for await (const file of tx.list()) {
    console.log(file.path, file.sizeBytes);
  }
  console.log(await tx.readText("a.txt"), await tx.read("large.bin", { offset: -16 }));
  await tx.commit({ message: "Add three files", tags: ["tour"] });
});
const tagged = client.files(repository, "tour");
console.log("by its tag:", await tagged.readText("b.txt"));

// Two transactions change the same file. The one that commits last is rolled back.
const change = (tx: Transaction) => tx.write("a.txt", tx.id);
const conflict = client.transaction(repository, "main", async (tx) => {
  await client.transaction(repository, "main", change);
  await change(tx);
});
await expected(ConflictError, conflict);

const cancelling = new AbortController();
await using large = await tagged.open("large.bin", { signal: cancelling.signal });
cancelling.abort();
await expected(CanceledError, large.bytes());
await expected(DeadlineExceededError, tagged.stat("a.txt", { timeoutMs: 0.001 }));

/** Shows the error of a call that fails as expected, with the paths in conflict. */
async function expected(kind: typeof ConflictError, call: Promise<unknown>): Promise<void> {
  const error = await call.then(
    () => new Error("the call did not fail"),
    (error: unknown) => error,
  );
  if (!(error instanceof kind)) {
    throw error;
  }
  console.log(error.code, error.reason, error.paths);
}
