/** Runs in the browser. The tests call `runCase`. */
import { Client } from "lakeport";
import { cases } from "../cases/all.js";

const page = globalThis as unknown as Record<string, unknown>;

/** Runs a case with a new client and a new repository. Returns the text of its error, or an empty text. */
page["runCase"] = async (name: string, endpoint: string, repository: string): Promise<string> => {
  using client = new Client({ endpoint });
  try {
    await client.versions.createRepository(repository);
    await cases.find((found) => found.name === name)?.run({ client, repository });
    return "";
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
};

/** Calls a server that does not allow this page. Returns the error. */
page["callRefusing"] = async (endpoint: string): Promise<unknown> => {
  using client = new Client({ endpoint, timeoutMs: 2000 });
  try {
    return await client.serverInfo();
  } catch (error) {
    const { name, code, message } = error as { name: string; code: string; message: string };
    return { name, code, message };
  }
};
