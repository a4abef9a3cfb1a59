import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Level } from "@bufbuild/protobuf/wkt";
import type { Transport, UnaryResponse } from "@connectrpc/connect";
import { createAsyncIterable } from "@connectrpc/connect/protocol";
import { errorOfConnect } from "../errors/connect.js";
import { CanceledError, type LakeportError } from "../errors/error.js";
import { type CallOptions, checkTimeout } from "./options.js";
import { Retries, RetryBudget } from "./retry.js";
import { CallScope } from "./scope.js";

/** A connection to a server. */
export interface Connection {
  readonly transport: Transport;
  /** Transport of calls that do not keep the process running. */
  readonly background: Transport;
  /** Name of the server for messages. */
  readonly server: string;
  /** Whether the transport can stream requests. Browsers cannot. */
  readonly canStreamRequests: boolean;
  /** Help after a lost connection. */
  readonly hint: string;
  /** Closes the connection. */
  close(): void;
}

/** How a call behaves after failures. */
export interface Policy {
  /** Whether a retry has the same effect. Default: what the contract declares for the method. */
  readonly isIdempotent?: boolean;
  /** Whether the server sends messages regularly, so that a pause of the server is a failure. Default: true. */
  readonly isSteady?: boolean;
  /** Whether the process may end during the call. Default: false. */
  readonly isBackground?: boolean;
  /** Ends the call, like the signal of the caller. */
  readonly closing?: AbortSignal;
}

/** How a call with a single response behaves after failures. */
export interface UnaryPolicy<O> extends Pick<Policy, "isIdempotent" | "isBackground"> {
  /** Throws the error of a response that reports a failure. */
  readonly check?: (response: O) => void;
}

/** Sends calls with timeouts, cancellation and retries. */
export class Caller {
  readonly connection: Connection;
  /** Default timeout of calls in milliseconds. */
  readonly timeoutMs: number;
  readonly #budget = new RetryBudget();
  readonly #open = new Set<CallScope>();
  #isClosed = false;

  constructor(connection: Connection, timeoutMs: number) {
    this.connection = connection;
    this.timeoutMs = checkTimeout(timeoutMs);
  }

  /** Number of calls in flight. */
  get inFlight(): number {
    return this.#open.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Cancels all calls, and closes the connection. */
  close(): void {
    this.#isClosed = true;
    for (const scope of this.#open) {
      scope.cancel(closedError());
    }
    this.connection.close();
  }

  /** Begins a call. The caller must end the scope. */
  scope(options: CallOptions, { closing, isBackground }: Pick<Policy, "closing" | "isBackground"> = {}): CallScope {
    const signals = [options.signal, closing].filter((signal) => signal !== undefined);
    const scope = new CallScope(signals, this.#open, isBackground);
    if (this.#isClosed) {
      scope.cancel(closedError());
    }
    return scope;
  }

  /** Returns the timeout of a call in milliseconds. */
  timeoutOf(options: CallOptions): number {
    return options.timeoutMs === undefined ? this.timeoutMs : checkTimeout(options.timeoutMs);
  }

  /** Returns the response of a call. All attempts together end within the timeout. */
  async unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
    policy: UnaryPolicy<MessageShape<O>> = {},
  ): Promise<MessageShape<O>> {
    const timeoutMs = this.timeoutOf(options);
    const deadline = performance.now() + timeoutMs;
    const scope = this.scope(options, policy);
    const attempt = async (): Promise<MessageShape<O>> => {
      const left = deadline - performance.now();
      const seconds = String(timeoutMs / 1000);
      scope.startTimer(left, `${this.connection.server} did not complete ${method.name} within ${seconds} s`);
      try {
        const response = await this.#send(method, scope.signal, left, request, policy);
        policy.check?.(response.message);
        return response.message;
      } finally {
        scope.stopTimer();
      }
    };
    try {
      const retries = this.#retries(isIdempotent(method, policy), timeoutMs);
      return await this.#retried(scope, retries, attempt, () => deadline - performance.now());
    } finally {
      scope.end();
    }
  }

  /**
   * Yields the messages of a response. Retries until the first message arrives. The end of the iteration, also an early one, ends
   * the call.
   */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions,
    policy: Policy = {},
  ): AsyncGenerator<MessageShape<O>, void, undefined> {
    const timeoutMs = policy.isSteady === false ? Infinity : this.timeoutOf(options);
    const progress = new Progress(timeoutMs);
    const scope = this.scope(options, policy);
    const next = async <T>(waiting: () => Promise<T>): Promise<T> => {
      if (timeoutMs !== Infinity) {
        scope.startTimer(progress.left(), this.#timeoutMessage(method.name, timeoutMs));
      }
      try {
        return await waiting();
      } finally {
        scope.stopTimer();
      }
    };
    const open = async () => {
      const input = createAsyncIterable([request]);
      const { message } = await this.connection.transport.stream(method, scope.signal, undefined, undefined, input);
      const messages = message[Symbol.asyncIterator]();
      return { messages, first: await messages.next() };
    };
    try {
      const { messages, first } = await this.#retried(
        scope,
        this.#retries(isIdempotent(method, policy), this.timeoutOf(options)),
        () => next(open),
        () => progress.left(),
      );
      for (let found = first; found.done !== true;) {
        yield found.value;
        progress.made();
        try {
          found = await next(() => messages.next());
        } catch (error) {
          throw this.errorOf(error, scope);
        }
      }
    } finally {
      scope.end();
    }
  }

  /** Makes the only attempt of a call that cannot be repeated, also after errors of calls that the server did not start. */
  async once<T>(scope: CallScope, attempt: () => Promise<T>): Promise<T> {
    scope.throwIfCancelled();
    try {
      return await attempt();
    } catch (reason) {
      throw this.errorOf(reason, scope);
    }
  }

  /**
   * Repeats an attempt while it fails with errors that a retry can fix. The progress of attempts does not extend the waiting for an
   * overloaded server.
   */
  async retried<T>(scope: CallScope, progress: Progress, attempt: () => Promise<T>): Promise<T> {
    return this.#retried(scope, this.#retries(true, progress.timeoutMs), attempt, () => progress.left());
  }

  /**
   * Repeats an attempt that has calls of its own, and that can be repeated after its response has begun. Each attempt has the timeout
   * of the options, within which its call waits for an overloaded server.
   */
  async repeated<T>(options: CallOptions, attempt: (scope: CallScope) => Promise<T>): Promise<T> {
    const scope = this.scope(options);
    try {
      return await this.#retried(
        scope,
        this.#retries(true, 0),
        () => attempt(scope),
        () => Infinity,
      );
    } finally {
      scope.end();
    }
  }

  #send<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal,
    left: number,
    request: MessageInitShape<I>,
    { isBackground }: UnaryPolicy<MessageShape<O>>,
  ): Promise<UnaryResponse<I, O>> {
    const { transport, background } = this.connection;
    if (isBackground) {
      // For a deadline, Connect starts a timer that keeps the process running.
      return background.unary(method, signal, undefined, undefined, request);
    }
    // The server ends its work at the deadline too.
    return transport.unary(method, signal, deadlineHeader(left), undefined, request);
  }

  #retries(isIdempotent: boolean, overloadMs: number): Retries {
    return new Retries(isIdempotent, this.#budget, overloadMs);
  }

  /** Repeats the attempts of a call. `left` returns the remaining milliseconds. */
  async #retried<T>(scope: CallScope, retries: Retries, attempt: () => Promise<T>, left: () => number): Promise<T> {
    for (;;) {
      scope.throwIfCancelled();
      try {
        const result = await attempt();
        this.#budget.succeeded();
        return result;
      } catch (reason) {
        const error = this.errorOf(reason, scope);
        const pause = retries.pauseAfter(error);
        if (pause === undefined || pause >= left()) {
          throw error;
        }
        await scope.sleep(pause);
      }
    }
  }

  /** Converts what a transport throws. */
  errorOf(reason: unknown, scope: CallScope): LakeportError {
    const { server, hint } = this.connection;
    return scope.error ?? errorOfConnect(reason, server, hint);
  }

  #timeoutMessage(method: string, timeoutMs: number): string {
    return `${this.connection.server} made no progress with ${method} for ${String(timeoutMs / 1000)} s`;
  }
}

/** Measures the time in which the server makes no progress. */
export class Progress {
  readonly timeoutMs: number;
  #since = performance.now();

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  made(): void {
    this.#since = performance.now();
  }

  /** Returns the milliseconds that the server has left. */
  left(): number {
    return Math.max(this.#since + this.timeoutMs - performance.now(), 0);
  }
}

/** Returns the timeout that the server gets: a whole number of at most 8 digits, or none. */
function deadlineHeader(left: number): number | undefined {
  return left < 1e8 - 1 ? Math.max(Math.ceil(left), 1) : undefined;
}

function isIdempotent(method: DescMethod, policy: Policy): boolean {
  return (
    policy.isIdempotent ?? (method.idempotency === Level.NO_SIDE_EFFECTS || method.idempotency === Level.IDEMPOTENT)
  );
}

function closedError(): LakeportError {
  return new CanceledError("the client is closed", "CANCELLED");
}
