/**
 * Maps items with at most `limit` calls at the same time. Returns the results in order.
 *
 * After a failure, starts no further call, waits for those in flight, and throws the first error.
 */
export async function mapLimited<T, R>(
  items: Iterable<T>,
  limit: number,
  call: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  const queue = items[Symbol.iterator]();
  let count = 0;
  const work = async () => {
    for (let next = queue.next(); next.done !== true && failures.length === 0; next = queue.next()) {
      const index = count++;
      try {
        results[index] = await call(next.value, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, limit) }, work));
  if (failures.length > 0) {
    throw failures[0];
  }
  return results;
}
