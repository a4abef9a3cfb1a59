/**
 * Runs the scenarios that all clients pass, in Node.js. Needs LAKEPORT_TEST_FIXTURE, the path of the program `client-fixture`, and
 * LAKEPORT_TEST_SCENARIOS, the folder of the scenarios. Appends the results to the file LAKEPORT_TEST_RESULTS, if it is set. See
 * `tests/clients/README.md` in the repository.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodePlatform } from "./scenarios/node.js";
import { runScenario } from "./scenarios/runner.js";
import type { Send } from "./scenarios/sandbox.js";
import { LIMIT_MS, scenarioSuite } from "./scenarios/suite.js";

let send: Send;

scenarioSuite({
  name: "scenarios",
  results: process.env["LAKEPORT_TEST_RESULTS"],
  absent: {},

  before(fixture) {
    send = (method, path, body) => fixture.send(method, path, body);
    return Promise.resolve();
  },

  async run(scenario) {
    const folder = await mkdtemp(join(tmpdir(), "lakeport-scenario-"));
    try {
      await runScenario(send, new NodePlatform(folder), scenario, LIMIT_MS);
    } finally {
      await rm(folder, { recursive: true });
    }
  },

  after: () => Promise.resolve(),
});
