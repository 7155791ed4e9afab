import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClaude } from '../../../src/claude/claude.ts';
import type { DiagnosisContext, Incident } from '../../../src/domain.ts';
import { createDiagnoser } from '../../../src/pipeline/diagnose/diagnose.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { Logger } from '../../../src/pipeline/ports.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { answer, type ClaudeServer, hang, startClaudeServer, status } from '../../support/claude-server.ts';
import { anIncident } from '../../support/domain.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const HOUR = 3_600_000;

let claude: ClaudeServer;
let store: Store;
let folder: string;
let now = 1_700_000_000_000;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'diagnose-'));
  now = 1_700_000_000_000;
  claude = await startClaudeServer();
  store = await openStore({ dataDir: folder, now: () => now, logger: silent });
});

afterEach(async () => {
  await store.close();
  await claude.close();
  rmSync(folder, { recursive: true });
});

function diagnoser(over: { key?: boolean; diagnosesPerHour?: number; spendPerDayUsd?: number } = {}) {
  return createDiagnoser({
    claude:
      over.key === false
        ? undefined
        : createClaude({
            apiKey: 'sk-ant-stand-in',
            baseURL: claude.url,
            model: 'claude-haiku-5-5',
            strongModel: 'claude-sonnet-5-5',
            now: () => now,
            timeoutMs: 3_000,
          }),
    ledger: store,
    incidents: store,
    observer: noopObserver,
    logger: silent,
    clock: { now: () => now, sleep: async () => {} },
    limits: { diagnosesPerHour: over.diagnosesPerHour ?? 20, spendPerDayUsd: over.spendPerDayUsd ?? 1 },
  });
}

function contextOf(incident: Incident): DiagnosisContext {
  const evidence = ['ERROR connection pool exhausted'];
  return {
    incident,
    evidence,
    detectors: ['log'],
    logLines: evidence,
    redactions: 0,
    restarts: [],
    ruleFindings: applyRules({ detector: 'log', detectors: ['log'], evidence: evidence.join('\n'), logLines: [] }),
  };
}

const never = new AbortController().signal;
let serial = 0;
const incident = (over: Partial<Incident> = {}) =>
  anIncident({ id: `inc-${++serial}`, openedAt: now, lastSeenAt: now, ...over });
const models = () => claude.requests.map((request) => request.body?.model);

/** Diagnoses and writes it down, as the walk does. */
async function diagnosed(by: ReturnType<typeof diagnoser>, of: Incident, comeback = false) {
  await store.saveIncident(of);
  const diagnosis = await by.diagnose(contextOf(of), comeback, never);
  await store.saveDiagnosis(of.id, diagnosis);
  return diagnosis;
}

async function restarted(of: Incident, outcome: 'recovered' | 'failed') {
  const id = `attempt-${of.id}`;
  const { id: containerId, name: containerName, service } = of.container;
  await store.beginAttempt({ id, incidentId: of.id, containerId, containerName, service, startedAt: now });
  await store.finishAttempt(id, { outcome, detail: '', finishedAt: now });
}

describe('a diagnosis', () => {
  it('comes from Claude, with what it cost', async () => {
    const diagnosis = await diagnosed(diagnoser(), incident());
    expect(diagnosis).toMatchObject({
      tier: 'claude',
      rootCause: 'The connection pool is exhausted.',
      rules: ['connection_pool_exhausted', 'error_logged'],
    });
    expect(diagnosis.costUsd).toBeGreaterThan(0);
    expect(await store.spendSince(0)).toBeCloseTo(diagnosis.costUsd, 9);
  });

  it('comes from the rules without a key, and says so', async () => {
    expect(await diagnosed(diagnoser({ key: false }), incident())).toMatchObject({
      tier: 'rules',
      fallback: 'no_key',
      severity: 'high',
    });
    expect(claude.requests).toHaveLength(0);
  });

  it.each([
    [400, 'error'],
    [401, 'error'],
    [429, 'rate_limited'],
    [529, 'overloaded'],
  ])('comes from the rules where the API answers %i, with the reason', async (code, reason) => {
    claude.reply(() => status(code, { 'retry-after': '3600' }));
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({ tier: 'rules', fallback: reason });
  });

  it('comes from the rules where nobody answers in time', async () => {
    claude.reply(() => hang());
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({ tier: 'rules', fallback: 'timeout' });
  });

  it('is not paid for twice while it is known', async () => {
    const by = diagnoser();
    await diagnosed(by, incident());
    now += HOUR;
    expect(await diagnosed(by, incident())).toMatchObject({
      tier: 'known',
      costUsd: 0,
      rootCause: 'The connection pool is exhausted.',
    });
    expect(claude.requests).toHaveLength(1);
  });

  it('is asked for again after a day', async () => {
    const by = diagnoser();
    await diagnosed(by, incident());
    now += 25 * HOUR;
    expect((await diagnosed(by, incident())).tier).toBe('claude');
  });

  it('is asked for again when the image has changed', async () => {
    const by = diagnoser();
    await diagnosed(by, incident());
    const { container } = anIncident();
    expect((await diagnosed(by, incident({ container: { ...container, image: 'shop/web:1.5' } }))).tier).toBe('claude');
  });

  it('of the rules does not stand in the way of Claude later', async () => {
    await diagnosed(diagnoser({ key: false }), incident());
    expect((await diagnosed(diagnoser(), incident())).tier).toBe('claude');
  });

  it('is asked of the stronger model where the first is unsure', async () => {
    claude.reply([answer({ confidence: 'low' }), answer({ root_cause: 'A leak.' })]);
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({ rootCause: 'A leak.', tier: 'claude' });
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
  });

  it('is asked of the stronger model, with the history, where the problem came back after a restart', async () => {
    const by = diagnoser();
    const first = incident();
    await diagnosed(by, first);
    await restarted(first, 'recovered');
    now += 10 * 60_000;
    expect((await diagnosed(by, incident())).afterFailedRestart).toBe(true);
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
    expect(claude.requests[1]?.prompt).toContain('The connection pool is exhausted.');
  });

  it('of the stronger model is not paid for at every further comeback', async () => {
    const by = diagnoser();
    const only = incident();
    await diagnosed(by, only);
    await restarted(only, 'failed');
    await diagnosed(by, only, true);
    now += 60_000;
    expect(await diagnosed(by, only, true)).toMatchObject({ tier: 'known' });
    expect(claude.requests).toHaveLength(2);
  });
});

describe('the caps', () => {
  const kinds = (count: number) => Array.from({ length: count }, (_, i) => incident({ fingerprint: `kind-${i}` }));

  it('allow so many diagnoses in any rolling hour, also when they come at once', async () => {
    const by = diagnoser({ diagnosesPerHour: 3 });
    const all = await Promise.all(kinds(8).map((one) => diagnosed(by, one)));
    expect(all.filter((diagnosis) => diagnosis.tier === 'claude')).toHaveLength(3);
    expect(all.filter((diagnosis) => diagnosis.fallback === 'hourly_cap')).toHaveLength(5);
  });

  it('roll: a diagnosis is free again an hour after it was made, not at the full hour', async () => {
    const by = diagnoser({ diagnosesPerHour: 1 });
    const [a, b, c] = kinds(3) as [Incident, Incident, Incident];
    expect((await diagnosed(by, a)).tier).toBe('claude');
    now += HOUR - 1;
    expect((await diagnosed(by, b)).fallback).toBe('hourly_cap');
    now += 2;
    expect((await diagnosed(by, c)).tier).toBe('claude');
  });

  it('of the day’s spend are kept', async () => {
    const by = diagnoser({ spendPerDayUsd: 0.000_01 });
    const [a, b] = kinds(2) as [Incident, Incident];
    expect((await diagnosed(by, a)).tier).toBe('claude');
    expect((await diagnosed(by, b)).fallback).toBe('daily_spend');
    now += 24 * HOUR + 1;
    expect((await diagnosed(by, incident({ fingerprint: 'later' }))).tier).toBe('claude');
  });

  it('of nothing mean that Claude is never asked', async () => {
    expect((await diagnosed(diagnoser({ spendPerDayUsd: 0 }), incident())).fallback).toBe('daily_spend');
    expect((await diagnosed(diagnoser({ diagnosesPerHour: 0 }), incident({ fingerprint: 'x' }))).fallback).toBe(
      'hourly_cap',
    );
  });
});
