/** Watches a transaction in headless Chromium, and prints its states. Arguments: the address of the server, and the ID. */
import { openPage } from "../support/chromium.js";

const [address, id] = process.argv.slice(2);
const origin = process.env["LAKEPORT_TEST_WEB_ORIGIN"];
if (address === undefined || id === undefined || origin === undefined) {
  throw new Error("usage: watch.js ADDRESS TRANSACTION, with LAKEPORT_TEST_WEB_ORIGIN");
}
const { page, close } = await openPage(origin, new URL("page.js", import.meta.url));
await page.exposeFunction("report", (state: string) => {
  console.log(state);
});
await page.waitForFunction("globalThis.watch !== undefined");
await page.evaluate(`watch(${JSON.stringify(`http://${address}`)}, ${JSON.stringify(id)}, report)`);
await close();
