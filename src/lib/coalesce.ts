/**
 * Coalesces concurrent reads. Callers that arrive during a read share the next one, which begins when the current one
 * has ended. So no caller gets a result that is older than its call.
 */
export function coalesce<T>(read: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  const begin = (): Promise<T> => {
    next = undefined;
    const reading = read();
    const ended = reading
      .catch(() => undefined)
      .finally(() => {
        if (running === ended) running = undefined;
      });
    running = ended;
    return reading;
  };

  return () => {
    if (running === undefined) return begin();
    next ??= running.then(begin);
    return next;
  };
}
