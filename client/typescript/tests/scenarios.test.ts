/**
 * Runs the scenarios that all clients pass. Needs LAKEPORT_TEST_FIXTURE, the path of the program `client-fixture`, and
 * LAKEPORT_TEST_SCENARIOS, the folder of the scenarios. Appends the results to the file LAKEPORT_TEST_RESULTS, if it is set. See
 * `tests/clients/README.md` in the repository.
 */
import { appendFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { Fixture } from "./scenarios/fixture.js";
import { runScenario } from "./scenarios/runner.js";
import { readScenarios, type Scenario } from "./scenarios/scenario.js";

/** Number of scenarios that run at the same time. Most of them wait. */
const PARALLEL = 4;
/** Maximum time of a scenario. */
const LIMIT_MS = 60_000;

const program = required("LAKEPORT_TEST_FIXTURE", "the path of the program client-fixture");
const scenarios = readScenarios(required("LAKEPORT_TEST_SCENARIOS", "the folder tests/clients/scenarios"));
const results = process.env["LAKEPORT_TEST_RESULTS"];

suite("scenarios", { concurrency: PARALLEL }, () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await Fixture.start(program);
  });

  after(async () => {
    await fixture.stop();
  });

  for (const scenario of scenarios) {
    test(scenario.name, async () => {
      const begin = performance.now();
      let failure: unknown;
      try {
        await runScenario(fixture, scenario, LIMIT_MS);
      } catch (error) {
        failure = error;
        throw error;
      } finally {
        report(scenario, performance.now() - begin, failure);
      }
    });
  }
});

function required(name: string, meaning: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: set it to ${meaning}`);
  }
  return value;
}

function report({ name }: Scenario, tookMs: number, failure: unknown): void {
  if (results) {
    const error = failure instanceof Error ? failure.message : null;
    const result = { scenario: name, seconds: Math.round(tookMs) / 1000, error, pending: null };
    appendFileSync(results, `${JSON.stringify(result)}\n`);
  }
}
