/** The server of a scenario. */

/** Sends a request to the control API of the fixture, and returns the JSON of the response. */
export type Send = (method: string, path: string, body?: object) => Promise<unknown>;

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
  readonly #send: Send;
  readonly #path: string;
  readonly address: string;
  readonly repository: string;
  readonly key: string;
  readonly secret: string;

  private constructor(send: Send, made: Described) {
    this.#send = send;
    this.#path = `/sandboxes/${String(made.id)}`;
    this.address = made.address;
    this.repository = made.repository;
    this.key = made.access_key_id;
    this.secret = made.secret_access_key;
  }

  static async open(send: Send, settings: object): Promise<Sandbox> {
    return new Sandbox(send, (await send("POST", "/sandboxes", settings)) as Described);
  }

  async arm(fault: object): Promise<void> {
    await this.#send("POST", `${this.#path}/faults`, fault);
  }

  async clearFaults(): Promise<void> {
    await this.#send("DELETE", `${this.#path}/faults`);
  }

  /** Returns the numbers of calls. Waits for open calls: one that a client has ended ends at the server a moment later. */
  async calls(): Promise<Calls> {
    for (let looks = 1; ; looks++) {
      const calls = (await this.#send("GET", `${this.#path}/calls`)) as Calls;
      if (calls.open === 0 || looks === POLLS) {
        return calls;
      }
      await sleep(POLL_MS);
    }
  }

  /** Returns when the server is up again. */
  async restart(downMs: number): Promise<void> {
    await this.#send("POST", `${this.#path}/restart`, { down_ms: downMs });
  }

  async close(): Promise<void> {
    await this.#send("DELETE", this.#path);
  }
}

export async function sleep(ms = 0): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
