/**
 * The length of the question to a model, in tokens, without and with what is known around the container. A token is taken
 * as four characters. Fails if a question about a single container grows by more than half.
 */
import { renderPrompt } from '../../src/models/question/prompt.ts';
import { SYSTEM_PROMPT } from '../../src/models/question/system-prompt.ts';
import type { DiagnosisContext, Surroundings } from '../../src/pipeline/ports/model.ts';
import { HARMLESS } from '../redact/corpus-harmless.ts';
import { NOON, sampleContext, sampleFacts } from '../support/samples.ts';

const CHARS_PER_TOKEN = 4;
const LARGEST_RATIO = 1.5;
/** Characters of the system prompt before it explained these sections. */
const SYSTEM_BEFORE = 3_280;
const FENCE = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
const DAY = 24 * 3_600_000;

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const lines = Object.values(HARMLESS).flat();
const log = (count: number) => many(count, (i) => `2026-11-23T11:59:${i % 60} INFO ${lines[i % lines.length]}`);

const usual: Surroundings = {
  dependencies: ['db', 'cache'].map((name) => ({
    container: `shop-${name}-1`,
    evidence: 'compose',
    state: { status: 'running', health: 'healthy', startedAt: NOON - 9 * DAY, finishedAt: 0, exitCode: 0 },
  })),
  timeline: ['was sent signal 15', 'ended with exit code 0', 'stopped', 'started', 'ended with exit code 1'].map(
    (what, i) => ({ at: NOON - 60_000 + i * 1_000, container: 'shop-web-1', what }),
  ),
  changes: {
    from: NOON - DAY,
    to: NOON - 60_000,
    changes: [
      { setting: 'image', before: 'shop/web:1.4.1', after: 'shop/web:1.4.2' },
      { setting: 'environment variables', added: ['DATABASE_URL'], removed: ['DB_HOST'] },
    ],
  },
  resources: {
    memory: 240 * 2 ** 20,
    pids: 43,
    cpuThrottling: { periods: 200, throttledPeriods: 82, throttledMs: 12_400 },
  },
};

const most: Surroundings = {
  ...usual,
  dependencies: many(10, (i) => ({ ...usual.dependencies?.[0], container: `shop-dependency-${i}` })) as never,
  timeline: many(200, (i) => ({ at: NOON - 200 + i, container: 'shop-web-1', what: `ended with exit code ${i}` })),
};

const withMembers = (count: number): Surroundings => ({
  ...usual,
  members: many(count, (i) => ({
    container: `shop-service-${i}-1`,
    occurrences: 41,
    record: `ERROR Error: connect ECONNREFUSED 172.18.0.2:5432\n${'    at call (pool.js:17:9)\n'.repeat(20)}`,
  })),
  edges: many(count, (i) => ({ from: `shop-service-${i}-1`, to: 'shop-web-1', evidence: 'environment' })),
});

const shortest = { evidence: [], logLines: [], facts: undefined };
const ended = { evidence: [], logLines: log(50), facts: sampleFacts({ status: 'exited', exitCode: 1 }), exitCode: 1 };

const CASES: readonly (readonly [string, Partial<DiagnosisContext>, Surroundings])[] = [
  ['one container, an error, 50 lines of log', { logLines: log(50) }, usual],
  ['one container, a crash, 50 lines of log', ended, { ...usual, resources: undefined }],
  ['one container, an error, 5 lines of log', { logLines: log(5) }, usual],
  ['one container, nothing but a summary', shortest, { ...usual, resources: undefined }],
  ['one container, as much as possible', { logLines: log(50) }, most],
  ['one container, as much as possible, no log', shortest, most],
  ['two others suffer', ended, withMembers(2)],
  ['ten others suffer', ended, withMembers(10)],
];

function tokens(context: Partial<DiagnosisContext>, system: number): number {
  return Math.round((system + renderPrompt(sampleContext(context), FENCE).user.length) / CHARS_PER_TOKEN);
}

export async function run(): Promise<void> {
  console.log('tokens per question (characters / 4)              before   after   ratio');
  const tooLong: string[] = [];
  for (const [name, context, surroundings] of CASES) {
    const before = tokens(context, SYSTEM_BEFORE);
    const after = tokens({ ...context, ...surroundings }, SYSTEM_PROMPT.length);
    const ratio = after / before;
    const columns = [String(before), String(after), ratio.toFixed(2)].map((text) => text.padStart(8));
    console.log(`${name.padEnd(48)}${columns.join('')}`);
    if (surroundings.members === undefined && ratio > LARGEST_RATIO) tooLong.push(name);
  }
  if (tooLong.length > 0) throw new Error(`more than ${LARGEST_RATIO} times as long: ${tooLong.join('; ')}`);
}
