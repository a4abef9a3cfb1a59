/**
 * Runs the cases in headless Chromium. Needs LAKEPORT_TEST_WEB_ADDRESS: a server that allows pages of the origin
 * LAKEPORT_TEST_WEB_ORIGIN, such as http://localhost:8123.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";
import type { Page } from "playwright-core";
import { cases } from "./cases/all.js";
import { type OpenPage, openPage } from "./support/chromium.js";

const address = process.env["LAKEPORT_TEST_WEB_ADDRESS"];
const origin = process.env["LAKEPORT_TEST_WEB_ORIGIN"] ?? "http://localhost:8123";
const skip = address === undefined ? "LAKEPORT_TEST_WEB_ADDRESS is not set" : false;
const endpoint = `http://${address ?? ""}`;

suite("Chromium", { skip }, () => {
  let open: OpenPage;
  let page: Page;

  before(async () => {
    open = await openPage(origin, new URL("browser/page.js", import.meta.url));
    page = open.page;
    await page.waitForFunction("globalThis.runCase !== undefined");
  });

  after(() => open.close());

  for (const { name } of cases) {
    test(name, { timeout: 60_000 }, async () => {
      const call = ["runCase", name, endpoint, `typescript-${randomUUID()}`] as const;
      assert.equal(
        await page.evaluate(
          `${call[0]}(${call
            .slice(1)
            .map((text) => JSON.stringify(text))
            .join(", ")})`,
        ),
        "",
      );
    });
  }

  test("an unreachable server is unavailable, and the message names the option of the server", async () => {
    const error = await page.evaluate(`callRefusing("http://127.0.0.1:9")`);
    assert.match(JSON.stringify(error), /UnavailableError.*UNAVAILABLE.*--web-origin/);
  });
});
