/** Scenarios in Node.js. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client, type LocalFile, localFile } from "lakeport";
import type { Usage } from "./cancellations.js";
import { clientOptions, type Platform } from "./platform.js";
import type { Sandbox } from "./sandbox.js";
import type { Step } from "./scenario.js";

const SWEEP_MS = 500;
/** Number of calls to cancel in a run that measures what remains. */
const CANCELLATIONS = Number(process.env["LAKEPORT_TEST_CANCELLATIONS"]) || undefined;

/** Runs a scenario in this process, with an empty directory. */
export class NodePlatform implements Platform {
  readonly folder: string;
  readonly settings = {};
  readonly cancellations = CANCELLATIONS;

  constructor(folder: string) {
    this.folder = folder;
  }

  async usage(): Promise<Usage> {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    collectGarbage();
    // V8 frees the memory of buffers a moment after it has collected them, and counts it at the next collection.
    await setTimeout(SWEEP_MS);
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    const files = (await readdir("/proc/self/fd")).length;
    return { files, tasks: process.getActiveResourcesInfo().length, memory: heapUsed + external };
  }

  connect(sandbox: Sandbox, how: Partial<Step>): Client {
    return how.env === undefined
      ? new Client(clientOptions(sandbox, how))
      : withEnvironment({ HOME: this.folder, ...how.env }, () => new Client());
  }

  async storeFile(name: string, text: string): Promise<void> {
    await writeFile(join(this.folder, name), text);
  }

  async uploadFile(data: Uint8Array): Promise<LocalFile> {
    const path = join(this.folder, "upload");
    // A resumed upload needs the same file: the client refuses an equal one with another time.
    const stored = await readFile(path).catch(() => undefined);
    if (!stored?.equals(data)) {
      await writeFile(path, data);
    }
    return localFile(path);
  }
}

/**
 * Sets environment variables, and removes all others that configure clients, while `make` runs. `make` does not wait, so no other
 * scenario sees them.
 */
function withEnvironment<T>(variables: Readonly<Record<string, string>>, make: () => T): T {
  const before = { ...process.env };
  // Node.js looks for the home directory in the variables of the process: `process.env` must stay the same object.
  const replace = (all: NodeJS.ProcessEnv) => {
    for (const name of Object.keys(process.env)) {
      if (!(name in all)) {
        Reflect.deleteProperty(process.env, name);
      }
    }
    Object.assign(process.env, all);
  };
  const others = Object.entries(before).filter(([name]) => !/^(LAKECTL|LAKEPORT)_/.test(name));
  replace({ ...Object.fromEntries(others), ...variables });
  try {
    return make();
  } finally {
    replace(before);
  }
}
