/** Starts a timer. In Node.js, a timer in the background does not keep the process running. */
export function startTimer(work: () => void, ms: number, isBackground = false): ReturnType<typeof setTimeout> {
  const timer = setTimeout(work, ms);
  if (isBackground) {
    // The timers of browsers are numbers.
    (timer as { unref?(): void }).unref?.();
  }
  return timer;
}

/** Waits. Returns early if the signal is aborted. */
export async function sleep(ms: number, signal: AbortSignal, isBackground = false): Promise<void> {
  if (signal.aborted) {
    return;
  }
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = startTimer(done, ms, isBackground);
    signal.addEventListener("abort", done);
  });
}
