/** Begins a transaction, and ends without it at the end of standard input. Argument: the URL of the server. */
import { once } from "node:events";
import { Client } from "lakeport";

const client = new Client({ endpoint: process.argv[2], credentials: null });
const transaction = await client.begin("r", "main", { idleTimeoutMs: 10_000 });
await once(process.stdin.resume(), "end");
// Neither rolls the transaction back nor closes the client.
console.log(transaction.id);
