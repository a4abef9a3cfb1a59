/** Runs in the browser: watches a transaction until its end. */
import { Client } from "lakeport";

const page = globalThis as unknown as Record<string, unknown>;

/** Calls `report` with each state of the transaction. */
page["watch"] = async (endpoint: string, id: string, report: (state: string) => Promise<void>): Promise<void> => {
  using client = new Client({ endpoint });
  const transaction = await client.getTransaction(id);
  for await (const { transaction: seen } of transaction.watch()) {
    await report(seen.state);
  }
};
