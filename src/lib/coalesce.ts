/**
 * One read for all who ask while another is under way. It begins when that one has ended, so that nobody gets an
 * answer that is older than the question.
 */
export function sharedRead<T>(read: () => Promise<T>): () => Promise<T> {
  let current: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;

  const begin = (): Promise<T> => {
    next = undefined;
    const reading = read();
    const ended = reading
      .catch(() => undefined)
      .finally(() => {
        if (current === ended) current = undefined;
      });
    current = ended;
    return reading;
  };

  return () => {
    if (current === undefined) return begin();
    next ??= current.then(begin);
    return next;
  };
}
