/** Scenarios in a page of a browser. The tests call `runScenario`. */
import { Client } from "lakeport";
import { clientOptions, type Platform } from "./platform.js";
import { runScenario } from "./runner.js";
import type { Sandbox, Send } from "./sandbox.js";
import type { Scenario, Step } from "./scenario.js";

/** Runs a scenario in this page. */
class PagePlatform implements Platform {
  readonly folder = "";
  readonly settings = { web_origin: location.origin };
  readonly cancellations = undefined;

  usage(): Promise<never> {
    return Promise.reject(new Error("a page cannot measure itself"));
  }

  connect(sandbox: Sandbox, how: Partial<Step>): Client {
    if (how.env !== undefined) {
      throw new Error("a page has no environment");
    }
    const { endpoint, credentials } = clientOptions(sandbox, how);
    return new Client({ endpoint, credentials: credentials ?? undefined });
  }

  storeFile(): Promise<void> {
    return Promise.reject(new Error("a page cannot store files"));
  }

  uploadFile(data: Uint8Array<ArrayBuffer>): Promise<File> {
    // With a constant time, equal bytes are the same file.
    return Promise.resolve(new File([data], "upload", { lastModified: 0 }));
  }
}

// The tests expose this function, because the fixture does not allow calls of pages.
declare const controlFixture: Send;

/** Runs a scenario. Returns the text of its error, or an empty text. */
async function run(scenario: Scenario, limitMs: number): Promise<string> {
  try {
    await runScenario(controlFixture, new PagePlatform(), scenario, limitMs);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

Object.assign(globalThis, { runScenario: run });
