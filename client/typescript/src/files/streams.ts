/**
 * Converts an iterator into a stream that reads on demand. `cancel` ends the iteration at once, also while it waits for the next
 * value.
 */
export function readableStream<T>(
  values: AsyncIterator<T, unknown, undefined>,
  cancel: () => Promise<void>,
): ReadableStream<T> {
  return new ReadableStream<T>(
    {
      async pull(controller) {
        const next = await values.next();
        if (next.done === true) {
          controller.close();
        } else {
          controller.enqueue(next.value);
        }
      },
      cancel,
    },
    { highWaterMark: 0 },
  );
}
