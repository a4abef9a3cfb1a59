/**
 * Runs the cases in headless Chromium. Needs LAKEPORT_TEST_WEB_ADDRESS: a server that allows pages of the origin
 * LAKEPORT_TEST_WEB_ORIGIN, such as http://localhost:8123. LAKEPORT_TEST_CHROMIUM is the path of the browser (default:
 * /usr/bin/chromium).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { after, before, suite, test } from "node:test";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { cases } from "./cases/all.js";

const address = process.env["LAKEPORT_TEST_WEB_ADDRESS"];
const origin = process.env["LAKEPORT_TEST_WEB_ORIGIN"] ?? "http://localhost:8123";
const executablePath = process.env["LAKEPORT_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
const skip = address === undefined ? "LAKEPORT_TEST_WEB_ADDRESS is not set" : false;
const endpoint = `http://${address ?? ""}`;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Bundles the page as an application would: with the condition `browser`. */
async function bundle(): Promise<string> {
  const entryPoint = new URL("browser/page.js", import.meta.url).pathname;
  const options = { bundle: true, write: false, format: "esm", platform: "browser" } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [entryPoint], logLevel: "error" });
  return outputFiles[0]?.text ?? "";
}

suite("Chromium", { skip }, () => {
  const pages = createServer();
  let browser: Browser;
  let page: Page;

  before(async () => {
    const script = await bundle();
    assert(!script.includes("node:http2"), "the bundle contains the client for Node.js");
    pages.on("request", (request, response) => {
      const isScript = request.url === "/page.js";
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      response.end(isScript ? script : '<script type="module" src="page.js"></script>');
    });
    await new Promise<void>((resolve) => pages.listen(Number(new URL(origin).port), "localhost", resolve));
    browser = await chromium.launch({ executablePath, args: FLAGS });
    page = await browser.newPage();
    await page.goto(origin);
    await page.waitForFunction("globalThis.runCase !== undefined");
  });

  after(async () => {
    await browser.close();
    pages.close();
  });

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

  test("reads are fast", async (context) => {
    const speed = await page.evaluate(`measureRead(${JSON.stringify(endpoint)}, "typescript-${randomUUID()}")`);
    context.diagnostic(`${Number(speed).toFixed(0)} MiB/s`);
    assert(Number(speed) > 5);
  });
});
