/**
 * Rows in one statement. SQLite takes 32,766 parameters, PostgreSQL 65,535; our widest row has 25 columns. Small
 * batches also keep each statement's hold on the event loop short.
 */
export const BATCH_ROWS = 500;

export function batches<T>(items: readonly T[], size = BATCH_ROWS): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
