/** Clients of the scenarios. */
import { Client, type Credentials } from "lakeport";
import type { Sandbox } from "./fixture.js";
import type { Step } from "./scenario.js";

/** Makes a client with the arguments of `connect`. Sends no call. */
export function makeClient(sandbox: Sandbox, home: string, how: Partial<Step>): Client {
  if (how.env !== undefined) {
    return withEnvironment({ HOME: home, ...how.env }, () => new Client());
  }
  const { endpoint = `grpc://${sandbox.address}` } = how;
  return new Client({ endpoint, credentials: credentialsOf(sandbox, how) });
}

function credentialsOf(sandbox: Sandbox, { key, secret = "", token, anonymous }: Partial<Step>): Credentials | null {
  if (key !== undefined) {
    return { accessKeyId: key, secretAccessKey: secret };
  }
  if (token !== undefined) {
    return { token };
  }
  return anonymous === true ? null : { accessKeyId: sandbox.key, secretAccessKey: sandbox.secret };
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
