/**
 * Rows per statement. SQLite allows 32,766 parameters, PostgreSQL 65,535; our widest row has 28 columns. Small
 * statements also block the event loop for less time.
 */
const ROWS_PER_STATEMENT = 500;

export function chunks<T>(items: readonly T[], size = ROWS_PER_STATEMENT): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) => items.slice(n * size, (n + 1) * size));
}
