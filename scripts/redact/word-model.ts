/**
 * Writes src/redact/word-model.ts: how common each pair of letters is in words and identifiers. The counts come from
 * the declarations and readmes of the installed packages and change with them, so run it only to improve the model.
 *
 *   node scripts/redact/word-model.ts
 */
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SYMBOLS, symbolOf } from '../../src/redact/symbols.ts';

const ROOT = fileURLToPath(new URL('../../node_modules', import.meta.url));
const TARGET = fileURLToPath(new URL('../../src/redact/word-model.ts', import.meta.url));
/** Bytes. Larger files are skipped. */
const LARGEST_FILE = 400_000;
/** A word that occurs a thousand times counts no more than one that occurs fifteen times: log2(1 + 15). */
const MAX_WEIGHT = 4;
/** Added to every count: a pair that was never seen is rare, not impossible. */
const SMOOTHING = 0.5;

const counts = new Map<string, number>();
for (const file of globSync(['**/*.d.ts', '**/*.d.mts', '**/*.md'], { cwd: ROOT })) {
  const path = `${ROOT}/${file}`;
  if (statSync(path).size > LARGEST_FILE) continue;
  for (const [word] of readFileSync(path, 'utf8').matchAll(/[A-Za-z][A-Za-z0-9]{2,40}/g))
    if (!/^[0-9a-f]{8,}$/i.test(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
}

const pairs = new Float64Array(SYMBOLS * SYMBOLS);
for (const [word, count] of counts) {
  const weight = Math.min(MAX_WEIGHT, Math.log2(1 + count));
  let previous = SYMBOLS - 1;
  for (const char of `${word} `) {
    const symbol = symbolOf(char.charCodeAt(0));
    pairs[previous * SYMBOLS + symbol] = (pairs[previous * SYMBOLS + symbol] as number) + weight;
    previous = symbol;
  }
}

const rows: string[] = [];
for (let a = 0; a < SYMBOLS; a++) {
  const row = pairs.slice(a * SYMBOLS, (a + 1) * SYMBOLS);
  const sum = row.reduce((total, n) => total + n + SMOOTHING, 0);
  // Bits that a pair costs, in fifths, as one letter each.
  rows.push(
    [...row]
      .map((n) => Math.min(61, Math.round(-Math.log2((n + SMOOTHING) / sum) * 5)))
      .map(letter)
      .join(''),
  );
}

function letter(n: number): string {
  return '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'[n] as string;
}

writeFileSync(
  TARGET,
  `/**
 * How rare each pair of letters is in words and identifiers: made by scripts/redact/word-model.ts, not by hand.
 * One row for each symbol (symbols.ts), one character for each that follows: bits, in fifths, as 0-9a-zA-Z.
 */
export const PAIR_COSTS: readonly string[] = [
${rows.map((row) => `  '${row}',`).join('\n')}
];
`,
);
console.log(`${counts.size} words`);
