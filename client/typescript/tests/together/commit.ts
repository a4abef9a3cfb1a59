/** Writes a file in a transaction that another program has begun, and commits it. Arguments: the URL of the server, and the ID. */
import { Client } from "lakeport";

const [endpoint, id] = process.argv.slice(2);
if (endpoint === undefined || id === undefined) {
  throw new Error("usage: commit.js ENDPOINT TRANSACTION");
}
using client = new Client({ endpoint, credentials: null });
const transaction = await client.getTransaction(id);
await transaction.write("from-typescript.txt", new TextEncoder().encode("TypeScript"));
await transaction.commit({ message: "Write from four languages" });
