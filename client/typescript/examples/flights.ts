/**
 * Publishes one year of flights as twelve monthly files and a tag: all of them, or none.
 *
 *     node flights.js flights.csv lake main flights-2013
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline/promises";
import { AlreadyExistsError, Client, ConflictError, unwrap } from "lakeport";

const [csv = "", repository = "", branch = "", tag = ""] = process.argv.slice(2);

/** Divides the table by its second column, the month. */
async function splitByMonth(path: string): Promise<Map<string, string>> {
  const months = new Map<string, string>();
  let header: string | undefined;
  for await (const line of createInterface({ input: createReadStream(path) })) {
    header ??= line;
    if (line !== header) {
      const month = line.split(",")[1]?.padStart(2, "0") ?? "";
      months.set(month, `${months.get(month) ?? `${header}\n`}${line}\n`);
    }
  }
  return months;
}

const client = new Client(); // uses LAKEPORT_ENDPOINT, and the credentials of lakectl
const months = await splitByMonth(csv);
try {
  const commitId = await client.transaction(repository, branch, async (tx) => {
    // Other users do not see the changes of a transaction.
    const files = Array.from(months, ([month, data]) => ({ path: `flights/2013/month=${month}.csv`, data }));
    unwrap(await tx.writeMany(files));
    for await (const change of tx.changes()) {
      console.log(change.kind, change.path);
    }
    // A retry after a lost response returns the same commit.
    const { commitId } = await tx.commit({ message: "Add the flights of 2013", tags: [tag] });
    return commitId;
  });
  console.log(commitId);
} catch (error) {
  if (!(error instanceof AlreadyExistsError || error instanceof ConflictError)) {
    throw error;
  }
  // The tag exists, or another job changed the same files. Nothing was published.
  console.error(error.message);
  process.exitCode = 1;
} finally {
  client.close();
}
