/** What differs between Node.js and a page in a browser. */
import type { BaseClient, Credentials, RandomAccess } from "lakeport";
import type { Usage } from "./cancellations.js";
import type { Sandbox } from "./sandbox.js";
import type { Step } from "./scenario.js";

/** Where a scenario runs. */
export interface Platform {
  /** Empty directory of the scenario. */
  readonly folder: string;
  /** Number of calls of a step that cancels calls, if nothing else runs in this process. Then the step measures what remains. */
  readonly cancellations: number | undefined;
  /** Returns what this process uses. */
  usage(): Promise<Usage>;
  /** Further settings of the sandbox. */
  readonly settings: object;
  /** Makes a client with the arguments of `connect`. Sends no call. */
  connect(sandbox: Sandbox, how: Partial<Step>): BaseClient;
  /** Stores a file in the directory. */
  storeFile(name: string, text: string): Promise<void>;
  /** Returns a file for an upload in parts: the same one for the same bytes. */
  uploadFile(data: Uint8Array<ArrayBuffer>): Promise<Blob | RandomAccess>;
}

/** Returns the arguments of a client, without those of the environment. `null`: no credentials. */
export function clientOptions(
  { address, key, secret }: Sandbox,
  how: Partial<Step>,
): { endpoint: string; credentials: Credentials | null } {
  const { endpoint = `grpc://${address}` } = how;
  if (how.key !== undefined) {
    return { endpoint, credentials: { accessKeyId: how.key, secretAccessKey: how.secret ?? "" } };
  }
  if (how.token !== undefined) {
    return { endpoint, credentials: { token: how.token } };
  }
  return { endpoint, credentials: how.anonymous === true ? null : { accessKeyId: key, secretAccessKey: secret } };
}
