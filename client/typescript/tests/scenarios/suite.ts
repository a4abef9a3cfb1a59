/** Tests of the scenarios, one for each. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { Fixture } from "./fixture.js";
import { readScenarios, type Scenario } from "./scenario.js";

/** Number of scenarios that run at the same time. Most of them wait. */
const PARALLEL = process.env["LAKEPORT_TEST_CANCELLATIONS"] ? 1 : 4;
/** Maximum time of a scenario. One with many cancelled calls may take longer. */
export const LIMIT_MS = process.env["LAKEPORT_TEST_CANCELLATIONS"] ? 900_000 : 60_000;

/** A column of the table of scenarios. */
export interface Column {
  readonly name: string;
  /** File for the results. */
  readonly results: string | undefined;
  /** Scenarios that cannot run here, each with the reason. */
  readonly absent: Readonly<Record<string, string>>;
  before(fixture: Fixture): Promise<void>;
  run(scenario: Scenario): Promise<void>;
  after(): Promise<void>;
}

/** Defines the tests of all scenarios. */
export function scenarioSuite(column: Column): void {
  const program = required("LAKEPORT_TEST_FIXTURE", "the path of the program client-fixture");
  const scenarios = readScenarios(required("LAKEPORT_TEST_SCENARIOS", "the folder tests/clients/scenarios"));

  suite(column.name, { concurrency: PARALLEL }, () => {
    let fixture: Fixture;

    before(async () => {
      fixture = await Fixture.start(program);
      await column.before(fixture);
    });

    after(async () => {
      await column.after();
      await fixture.stop();
    });

    for (const scenario of scenarios) {
      test(scenario.name, () => check(column, scenario));
    }

    test("the absent scenarios exist", () => {
      const names = scenarios.map(({ name }) => name);
      assert.deepEqual(
        Object.keys(column.absent).filter((name) => !names.includes(name)),
        [],
      );
    });
  });
}

async function check(column: Column, scenario: Scenario): Promise<void> {
  const begin = performance.now();
  const error = await column.run(scenario).then(
    () => null,
    (error: unknown) => error,
  );
  const absent = column.absent[scenario.name] ?? null;
  report(column.results, {
    scenario: scenario.name,
    seconds: Math.round(performance.now() - begin) / 1000,
    error: error instanceof Error ? error.message : error,
    pending: null,
    absent,
  });
  if (absent !== null) {
    assert(error !== null, "the scenario passes: remove it from the list of absent ones");
  } else if (error !== null) {
    throw error as Error;
  }
}

function report(file: string | undefined, result: object): void {
  if (file) {
    appendFileSync(file, `${JSON.stringify(result)}\n`);
  }
}

function required(name: string, meaning: string): string {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: set it to ${meaning}`);
  }
  return value;
}
