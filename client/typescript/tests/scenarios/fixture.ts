/** The server fixture of the scenarios. See `tests/clients/README.md` in the repository. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

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

  /** Sends a request to the control API. */
  async send(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`the fixture responded to ${method} ${path} with ${String(response.status)}: ${text}`);
    }
    return text === "" ? {} : JSON.parse(text);
  }

  /** Ends the program, which ends with its input. */
  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.stdin.end();
    await exited;
  }
}
