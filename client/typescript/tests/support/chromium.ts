import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium, type Page } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** A page in headless Chromium. */
export interface OpenPage {
  readonly page: Page;
  /** Opens the page once more, with its own thread. */
  readonly again: () => Promise<Page>;
  readonly close: () => Promise<void>;
}

/**
 * Opens a page of this origin that runs a module. With port 0, any free port is used. The module is bundled as an application would do it: with the condition `browser`.
 * LAKEPORT_TEST_CHROMIUM is the path of the browser (default: /usr/bin/chromium).
 */
export async function openPage(origin: string, module: URL): Promise<OpenPage> {
  const script = await bundle(module);
  assert(!script.includes("node:http2"), "the bundle contains the client for Node.js");
  const pages = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<script type="module" src="page.js"></script>');
  });
  const { protocol, hostname, port: wanted } = new URL(origin);
  await new Promise<void>((resolve) => pages.listen(Number(wanted), hostname, resolve));
  const { port } = pages.address() as AddressInfo;
  const executablePath = process.env["LAKEPORT_TEST_CHROMIUM"] ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const again = async () => {
    const page = await browser.newPage();
    await page.goto(`${protocol}//${hostname}:${String(port)}`);
    return page;
  };
  const close = async () => {
    await browser.close();
    pages.close();
  };
  return { page: await again(), again, close };
}

async function bundle(module: URL): Promise<string> {
  const options = { bundle: true, write: false, format: "esm", platform: "browser" } as const;
  const { outputFiles } = await build({ ...options, entryPoints: [module.pathname], logLevel: "error" });
  return outputFiles[0]?.text ?? "";
}
