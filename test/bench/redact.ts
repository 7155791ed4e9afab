/** Redaction: the time for a large context of ordinary logs, and for 64 KB of text made to be slow. */
import { createRedactor } from '../../src/redact/redactor.ts';
import { HARMLESS } from '../redact/corpus-harmless.ts';
import { HOSTILE_SEEDS, repeated } from '../redact/hostile.ts';

const CONTEXT = 262_144;
const RECORD = 65_536;
const RUNS = 10;
/** What a context and a hostile record may take, in milliseconds. */
const LIMITS = { context: 50, record: 100 };

export async function run(): Promise<void> {
  const { redact } = createRedactor();
  /** The least CPU time of several runs: other work on the machine only adds to it. */
  const measure = async (texts: readonly string[], runs: number): Promise<number> => {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < runs; i++) {
      const before = process.cpuUsage();
      await redact(texts, []);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / 1000);
    }
    return least;
  };

  const lines = Object.values(HARMLESS).flat();
  const context: string[] = [];
  for (let size = 0, i = 0; size < CONTEXT; i++) {
    const line = `2026-11-25T10:00:00.${String(i % 1000).padStart(3, '0')}Z INFO ${lines[i % lines.length]}`;
    context.push(line);
    size += line.length + 1;
  }
  const ordinary = await measure(context, RUNS);
  console.log(`256 KB of ordinary lines: ${ordinary.toFixed(1)} ms (limit ${LIMITS.context})`);

  const times: { seed: string; ms: number }[] = [];
  for (const seed of HOSTILE_SEEDS) times.push({ seed, ms: await measure([repeated(seed, RECORD)], 3) });
  times.sort((a, b) => b.ms - a.ms);
  console.log(`64 KB of hostile text, ${times.length} kinds (limit ${LIMITS.record}); the slowest:`);
  for (const { seed, ms } of times.slice(0, 12))
    console.log(`  ${ms.toFixed(1).padStart(7)} ms  ${JSON.stringify(seed)}`);
  if (ordinary > LIMITS.context || (times[0]?.ms ?? 0) > LIMITS.record) process.exitCode = 1;
}
