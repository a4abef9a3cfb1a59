/** Runs the cases in Node.js: by gRPC, and by gRPC-Web with the client for browsers. */
import { suite, test } from "node:test";
import type { BaseClient } from "lakeport";
import { Client as BrowserClient } from "lakeport/browser";
import { cases } from "./cases/all.js";
import { connect, newRepository, serverAddress } from "./support/server.js";

const transports: Record<string, () => BaseClient> = {
  gRPC: () => connect(),
  "gRPC-Web": () => new BrowserClient({ endpoint: `http://${serverAddress()}` }),
};

for (const [name, open] of Object.entries(transports)) {
  suite(name, () => {
    for (const found of cases) {
      test(found.name, { timeout: 60_000 }, async () => {
        using client = open();
        await found.run({ client, repository: await newRepository() });
      });
    }
  });
}
