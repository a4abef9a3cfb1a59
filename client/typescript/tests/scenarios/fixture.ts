/** The server fixture of the scenarios. See `tests/clients/README.md` in the repository. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** The program that serves the sandboxes. */
export class Fixture {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #url: string;

  private constructor(process: ChildProcessByStdio<Writable, Readable, null>, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /** Starts a program, whose first line of output is the URL of its control API. */
  static async start(program: string): Promise<Fixture> {
    const process = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    // Rejects with the error of the process if the program cannot be started.
    await once(process, "spawn");
    for await (const line of createInterface(process.stdout)) {
      return new Fixture(process, line.trim());
    }
    throw new Error(`${program} ended without the URL of its control API`);
  }

  async open(settings: Readonly<Record<string, unknown>>): Promise<Sandbox> {
    const url = `${this.#url}/sandboxes`;
    const made = (await send("POST", url, settings)) as Described;
    return new Sandbox(`${url}/${String(made.id)}`, made);
  }

  /** Ends the program, which ends with its input. */
  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.stdin.end();
    await exited;
  }
}

interface Described {
  readonly id: number | string;
  readonly address: string;
  readonly repository: string;
  readonly access_key_id: string;
  readonly secret_access_key: string;
}

interface Calls {
  readonly calls: Readonly<Record<string, number>>;
  readonly open: number;
}

/** Interval at which `calls` looks for calls that have not ended. */
const POLL_MS = 10;
/** Number of looks. */
const POLLS = 200;

/** A server for one scenario, behind a proxy with faults. */
export class Sandbox {
  readonly #url: string;
  readonly address: string;
  readonly repository: string;
  readonly key: string;
  readonly secret: string;

  constructor(url: string, made: Described) {
    this.#url = url;
    this.address = made.address;
    this.repository = made.repository;
    this.key = made.access_key_id;
    this.secret = made.secret_access_key;
  }

  async arm(fault: object): Promise<void> {
    await send("POST", `${this.#url}/faults`, fault);
  }

  async clearFaults(): Promise<void> {
    await send("DELETE", `${this.#url}/faults`);
  }

  /** Returns the numbers of calls. Waits for open calls: one that a client has ended ends at the server a moment later. */
  async calls(): Promise<Calls> {
    for (let looks = 1; ; looks++) {
      const calls = (await send("GET", `${this.#url}/calls`)) as Calls;
      if (calls.open === 0 || looks === POLLS) {
        return calls;
      }
      await sleep(POLL_MS);
    }
  }

  /** Returns when the server is up again. */
  async restart(downMs: number): Promise<void> {
    await send("POST", `${this.#url}/restart`, { down_ms: downMs });
  }

  async close(): Promise<void> {
    await send("DELETE", this.#url);
  }
}

async function send(method: string, url: string, body?: object): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: { "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new Error(`the fixture responded to ${method} ${url} with ${String(response.status)}: ${text}`);
  }
  return text === "" ? {} : JSON.parse(text);
}
