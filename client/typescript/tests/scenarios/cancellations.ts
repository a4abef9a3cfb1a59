/** Many cancelled calls, and what they leave behind. */
import { LakeportError } from "lakeport";
import type { Result } from "./expected.js";
import type { Platform } from "./platform.js";
import type { Step } from "./scenario.js";

/** What a process uses. */
export interface Usage {
  readonly files: number;
  readonly tasks: number;
  readonly memory: number;
}

/** Files and tasks that may come and go. */
const SLACK = 8;
/** Bytes that the memory may grow: in all, and per call. */
const MEMORY_SLACK = 8 << 20;
const MEMORY_SLACK_PER_CALL = 1 << 10;

/** Runs the step `cancel_repeatedly`. `settled` waits until no call is open. */
export async function cancelRepeatedly(
  step: Step,
  platform: Platform,
  call: (step: Step) => Promise<Result>,
  settled: () => Promise<unknown>,
): Promise<Result> {
  const { cancellations } = platform;
  const times = cancellations ?? step.times ?? 0;
  // The first calls fill buffers and pools.
  await cancelledCalls(step, Math.floor(times / 10), call);
  await settled();
  const before = cancellations === undefined ? undefined : await platform.usage();
  const cancelled = await cancelledCalls(step, times, call);
  if (cancelled === 0) {
    throw new Error("no call was cancelled");
  }
  await settled();
  if (before === undefined) {
    return { cancelled, growth: [] };
  }
  const after = await platform.usage();
  console.log(`${String(times)} cancelled calls: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
  return { cancelled, growth: growth(before, after, times) };
}

/** Makes calls, and returns the number of those that were cancelled. */
async function cancelledCalls(
  { call: cancelled, parallel = 1, after_ms: longest = 0 }: Step,
  times: number,
  call: (step: Step) => Promise<Result>,
): Promise<number> {
  if (cancelled === undefined) {
    throw new Error("cancel_repeatedly has no call");
  }
  let [left, count] = [times, 0];
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      try {
        await call({ ...cancelled, cancel_after_ms: Math.random() * longest });
      } catch (error) {
        if (!(error instanceof LakeportError && error.code === "CANCELLED")) {
          throw error;
        }
        count += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return count;
}

function growth(before: Usage, after: Usage, calls: number): string[] {
  const slack: Usage = { files: SLACK, tasks: SLACK, memory: MEMORY_SLACK + calls * MEMORY_SLACK_PER_CALL };
  const names = ["files", "tasks", "memory"] as const;
  return names.filter((name) => after[name] > before[name] + slack[name]);
}
