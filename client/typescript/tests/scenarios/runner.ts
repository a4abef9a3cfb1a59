/** Runs the steps of a scenario. */
import { type BaseClient, type CallOptions, LakeportError, type Transaction } from "lakeport";
import { cancelRepeatedly } from "./cancellations.js";
import { difference, type Expected, type Found, type Result, shown } from "./expected.js";
import { files } from "./files.js";
import { type Operation, OwnError } from "./operations.js";
import type { Platform } from "./platform.js";
import { Sandbox, type Send, sleep } from "./sandbox.js";
import type { Scenario, Step } from "./scenario.js";
import { transactions } from "./transactions.js";
import { versions } from "./versions.js";

/** Time in which a restart in the background stops the server. */
const STOPPING_MS = 50;
const DEFAULT = "default";

const OPERATIONS: Readonly<Record<string, Operation>> = { ...files, ...transactions, ...versions };

/** The result of a step is not as expected. */
export class Difference extends Error {}

/** Runs a scenario. Throws a {@link Difference} if a result is not as expected. */
export async function runScenario(send: Send, platform: Platform, scenario: Scenario, limitMs: number): Promise<void> {
  const sandbox = await Sandbox.open(send, { ...scenario.sandbox, ...platform.settings });
  const runner = new Runner(sandbox, platform);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Difference(`the scenario did not end within ${String(limitMs / 1000)} s`));
    }, limitMs);
  });
  try {
    await Promise.race([runner.run(scenario.steps), late]);
  } finally {
    clearTimeout(timer);
    runner.close();
    await sandbox.close();
  }
}

interface Connection {
  readonly client: BaseClient;
  /** Transactions that this client began, by ID. */
  readonly begun: Map<string, Transaction>;
}

/** One run of a scenario. */
class Runner {
  readonly #sandbox: Sandbox;
  readonly #platform: Platform;
  readonly #variables: Map<string, unknown>;
  readonly #connections = new Map<string, Connection>();
  readonly #restarts: Promise<void>[] = [];
  /** How much later than planned the runner cancelled the call of the step: the page may be busy with that call. */
  #cancelDelayMs = 0;

  constructor(sandbox: Sandbox, platform: Platform) {
    this.#sandbox = sandbox;
    this.#platform = platform;
    const { address, key, secret } = sandbox;
    this.#variables = new Map(Object.entries({ address, key, secret, folder: platform.folder }));
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      await this.#steps(steps);
    } finally {
      await Promise.all(this.#restarts);
    }
    // The clients are still open: they must have ended each call themselves.
    const { open } = await this.#sandbox.calls();
    if (open !== 0) {
      throw new Difference(`after the scenario, ${String(open)} calls are open`);
    }
  }

  close(): void {
    for (const { client } of this.#connections.values()) {
      client.close();
    }
  }

  async #steps(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      await this.#step(this.#resolved(step) as Step);
    }
  }

  async #step(step: Step): Promise<void> {
    this.#cancelDelayMs = 0;
    const begin = performance.now();
    const { result, error } = await this.#outcome(step);
    const took = performance.now() - begin - this.#cancelDelayMs;
    const wrong = error === undefined ? this.#compare(step, result ?? {}) : compareError(step, error);
    const late = took > (step.within_ms ?? Infinity) ? `took ${took.toFixed()} ms` : undefined;
    const problem = wrong ?? late;
    if (problem !== undefined) {
      const { expect, save, fails, steps, ...call } = step;
      throw new Difference(`${shown(call)}: ${problem}`, { cause: error });
    }
    for (const [variable, field] of Object.entries(step.save ?? {})) {
      this.#variables.set(variable, result?.[field]);
    }
  }

  async #outcome(step: Step): Promise<{ result?: Result; error?: Error }> {
    try {
      return { result: await this.#call(step) };
    } catch (error) {
      if (error instanceof LakeportError || error instanceof OwnError) {
        return { error };
      }
      throw error;
    }
  }

  #compare(step: Step, result: Result): string | undefined {
    if (step.fails !== undefined) {
      return `succeeded with ${shown(result)}`;
    }
    return difference(step.expect ?? {}, result, "result");
  }

  async #call(step: Step): Promise<Result> {
    switch (step.do) {
      case "connect":
        this.#connect(step.as ?? "", step);
        return {};
      case "store_file":
        await this.#platform.storeFile(step.name ?? "", step.text ?? "");
        return {};
      case "fault": {
        const { do: _, ...fault } = step;
        await this.#sandbox.arm(fault);
        return {};
      }
      case "clear_faults":
        await this.#sandbox.clearFaults();
        return {};
      case "calls": {
        const { calls, open } = await this.#sandbox.calls();
        return { count: calls[step.rpc ?? ""] ?? 0, open };
      }
      case "restart":
        await this.#restart(step);
        return {};
      case "wait":
        await sleep(step.ms);
        return {};
      case "for_each":
        await this.#forEach(step);
        return {};
      case "cancel_repeatedly":
        return cancelRepeatedly(
          step,
          this.#platform,
          (call) => this.#operation(call),
          () => this.#sandbox.calls(),
        );
      default:
        return this.#operation(step);
    }
  }

  async #operation(step: Step): Promise<Result> {
    const operation = OPERATIONS[step.do];
    if (operation === undefined) {
      throw new Difference(`this runner has no operation ${step.do}`);
    }
    const { timeout_ms: timeoutMs, cancel_after_ms: cancelAfterMs, client: name = DEFAULT } = step;
    const cancelling = new AbortController();
    const begin = performance.now();
    const timer =
      cancelAfterMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#cancelDelayMs = performance.now() - begin - cancelAfterMs;
            cancelling.abort();
          }, cancelAfterMs);
    const call: CallOptions = { timeoutMs, signal: timer === undefined ? undefined : cancelling.signal };
    const connection = this.#connections.get(name) ?? this.#connect(name, {});
    const context = {
      ...connection,
      call,
      repository: this.#sandbox.repository,
      platform: this.#platform,
      run: (steps: readonly Step[]) => this.#steps(steps),
      set: (variable: string, value: string) => {
        this.#variables.set(variable, value);
      },
    };
    try {
      return await operation(context, step);
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(name: string, how: Partial<Step>): Connection {
    this.#connections.get(name)?.client.close();
    const connection = { client: this.#platform.connect(this.#sandbox, how), begun: new Map<string, Transaction>() };
    this.#connections.set(name, connection);
    return connection;
  }

  async #restart({ down_ms: downMs = 0, background = false }: Step): Promise<void> {
    const restarting = this.#sandbox.restart(downMs);
    if (!background) {
      await restarting;
      return;
    }
    this.#restarts.push(restarting);
    // The next step begins when the server is down.
    await Promise.race([restarting, sleep(STOPPING_MS)]);
  }

  async #forEach({ variables = [], values = [], steps = [] }: Step): Promise<void> {
    for (const row of values) {
      variables.forEach((variable, index) => {
        this.#variables.set(variable, row[index]);
      });
      await this.#steps(steps);
    }
  }

  /** Returns a value with the variables in its strings replaced. The steps inside a step are resolved when they run. */
  #resolved(value: unknown): unknown {
    if (typeof value === "string") {
      const [, name] = /^\$(\w+)$/.exec(value) ?? [];
      return name === undefined
        ? value.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) =>
            String(this.#variable(braced ?? bare ?? "")),
          )
        : this.#variable(name);
    }
    if (Array.isArray(value)) {
      return value.map((item) => this.#resolved(item));
    }
    if (typeof value === "object" && value !== null) {
      const fields = Object.entries(value);
      return Object.fromEntries(
        fields.map(([name, field]) => [name, name === "steps" ? field : this.#resolved(field)]),
      );
    }
    return value;
  }

  #variable(name: string): unknown {
    if (!this.#variables.has(name)) {
      throw new Difference(`there is no variable $${name}`);
    }
    return this.#variables.get(name);
  }
}

function compareError({ fails }: Step, error: Error): string | undefined {
  if (fails === undefined) {
    return error instanceof LakeportError
      ? `${error.code} ${error.reason ?? "without a reason"}: ${error.message}`
      : error.message;
  }
  const { message, ...others } = fails;
  const expected: Expected = message === undefined ? others : { ...others, message: { has: message } };
  return difference(expected, failure(error), "error");
}

function failure(error: Error): Found {
  const { message } = error;
  if (!(error instanceof LakeportError)) {
    return { message };
  }
  const { code, reason, paths, retryDelayMs } = error;
  const fields = error.fieldViolations.map(({ field }) => field);
  return { code, reason, message, paths, fields, retry_after_ms: retryDelayMs };
}
