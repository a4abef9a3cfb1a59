/** The scenarios, as their files describe them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { Content, ManyFiles, ManyPaths, NewFile } from "./content.js";
import type { Expected } from "./expected.js";

export interface Scenario {
  readonly name: string;
  readonly shows: string;
  readonly sandbox?: Readonly<Record<string, unknown>>;
  readonly steps: readonly Step[];
}

/** A step, with the arguments of all operations. */
export interface Step {
  readonly do: string;
  readonly expect?: Expected;
  readonly save?: Readonly<Record<string, string>>;
  readonly fails?: Readonly<Record<string, Expected>>;
  readonly timeout_ms?: number;
  readonly cancel_after_ms?: number;
  readonly within_ms?: number;
  readonly client?: string;
  readonly steps?: readonly Step[];
  /** Files. */
  readonly at?: string;
  readonly path?: string;
  readonly paths?: readonly string[] | ManyPaths;
  readonly content?: Content;
  readonly content_type?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly create_only?: boolean;
  readonly pieces?: number;
  readonly offset?: number;
  readonly limit?: number;
  readonly if_match?: string;
  readonly if_none_match?: string;
  readonly ranges?: readonly { offset: number; limit: number }[];
  readonly bytes?: number;
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly glob?: string;
  readonly max_depth?: number;
  readonly recursive?: boolean;
  readonly allow_missing?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly from_at?: string;
  readonly sources?: readonly string[];
  readonly delete_sources?: boolean;
  readonly files?: readonly NewFile[] | ManyFiles;
  readonly part_bytes?: number;
  readonly parallel?: number;
  readonly resume_id?: string;
  /** Transactions. */
  readonly base?: string;
  readonly id?: string;
  readonly idle_timeout_ms?: number;
  readonly lifetime_ms?: number;
  readonly read_only?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly tx?: string;
  readonly message?: string;
  readonly tags?: readonly string[];
  readonly strategy?: string;
  readonly squash?: boolean;
  readonly skip_merge?: boolean;
  readonly if_epoch?: number;
  readonly states?: readonly string[];
  readonly raises?: string;
  /** Versions. */
  readonly name?: string;
  readonly allow_empty?: boolean;
  readonly left?: string;
  readonly right?: string;
  readonly into?: string;
  readonly commit?: string;
  readonly parent?: number;
  /** The runner and the fixture. */
  readonly as?: string;
  readonly endpoint?: string;
  readonly key?: string;
  readonly secret?: string;
  readonly token?: string;
  readonly anonymous?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly text?: string;
  readonly variables?: readonly string[];
  readonly values?: readonly (readonly unknown[])[];
  readonly rpc?: string;
  readonly call?: Step;
  readonly times?: number;
  readonly after_ms?: number;
  readonly down_ms?: number;
  readonly background?: boolean;
  readonly ms?: number;
}

/** Reads all scenarios of a folder. */
export function readScenarios(folder: string): Scenario[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  const scenarios = names.sort().flatMap((name) => parse(readFileSync(join(folder, name), "utf8")) as Scenario[]);
  if (scenarios.length === 0) {
    throw new Error(`there are no scenarios in ${folder}`);
  }
  return scenarios;
}
