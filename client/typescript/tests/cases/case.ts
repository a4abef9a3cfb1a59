import type { BaseClient } from "lakeport/browser";

/** The environment of a case. */
export interface World {
  readonly client: BaseClient;
  /** A new repository. */
  readonly repository: string;
}

/** A test that runs in Node.js and in a browser. */
export interface Case {
  readonly name: string;
  run(world: World): Promise<void>;
}
