/**
 * Runs the scenarios that all clients pass, in headless Chromium. Needs the variables of `scenarios.test.ts`. Appends the results to the
 * file LAKEPORT_TEST_WEB_RESULTS, if it is set.
 */
import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { parse } from "yaml";
import type { Send } from "./scenarios/sandbox.js";
import type { Scenario } from "./scenarios/scenario.js";
import { LIMIT_MS, scenarioSuite } from "./scenarios/suite.js";
import { type OpenPage, openPage } from "./support/chromium.js";

// The compiler does not copy this file to its output.
const ABSENT = new URL("../../tests/scenarios/absent.yaml", import.meta.url);

let open: OpenPage;
let send: Send;
/** Pages without a scenario. Each page runs one at a time: otherwise, one with many bytes would delay the others. */
const idle: Page[] = [];

scenarioSuite({
  name: "scenarios in Chromium",
  results: process.env["LAKEPORT_TEST_WEB_RESULTS"],
  absent: parse(readFileSync(ABSENT, "utf8")) as Record<string, string>,

  async before(fixture) {
    send = (method, path, body) => fixture.send(method, path, body);
    open = await openPage("http://localhost:0", new URL("scenarios/page.js", import.meta.url));
    idle.push(await prepared(open.page));
  },

  async run(scenario) {
    const page = idle.pop() ?? (await prepared(await open.again()));
    const error = await page.evaluate(`runScenario(${forPage(scenario)}, ${String(LIMIT_MS)})`);
    idle.push(page);
    if (error !== "") {
      throw new Error(String(error));
    }
  },

  after: () => open.close(),
});

async function prepared(page: Page): Promise<Page> {
  await page.exposeFunction("controlFixture", send);
  await page.waitForFunction("globalThis.runScenario !== undefined");
  return page;
}

/** Returns a scenario as JSON. A page cannot call `Write`: it stores one object with `BatchWrite`. */
function forPage(scenario: Scenario): string {
  const text = JSON.stringify(scenario);
  const [one, batch] = ['"rpc":"Write"', '"rpc":"BatchWrite"'];
  // A scenario with both shows that many objects are not stored one by one.
  return text.includes(batch) ? text : text.replaceAll(one, batch);
}
