import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerFacts, Detector, DiagnoseWith, Incident } from '../../../src/domain.ts';
import type { Logger } from '../../../src/lib/log.ts';
import { createClaude } from '../../../src/models/claude/claude.ts';
import { createDiagnoser } from '../../../src/pipeline/diagnose/diagnose.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { answer, type ClaudeServer, hang, refusal, startClaudeServer, status } from '../../support/claude-server.ts';
import { aContainer, anIncident, someFacts } from '../../support/domain.ts';

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
  store = await openStore({ where: { dataDir: folder }, receivers: ['slack'], now: () => now, logger: silent });
});

afterEach(async () => {
  await store.close();
  await claude.close();
  rmSync(folder, { recursive: true });
});

function diagnoser(
  over: {
    key?: boolean;
    diagnoseWith?: DiagnoseWith;
    diagnosesPerHour?: number;
    spendPerDayUsd?: number;
    services?: number;
  } = {},
) {
  return createDiagnoser({
    diagnoseWith: over.diagnoseWith ?? 'claude-first',
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
    clock: { now: () => now, monotonic: () => now, sleep: async () => {} },
    limits: { diagnosesPerHour: over.diagnosesPerHour ?? 20, spendPerDayUsd: over.spendPerDayUsd ?? 1 },
    services: () => over.services ?? 2,
  });
}

interface Seen {
  readonly evidence?: string;
  readonly detectors?: readonly Detector[];
  readonly exitCode?: number;
  readonly facts?: ContainerFacts;
  readonly killedForMemory?: boolean;
}

function contextOf(incident: Incident, seen: Seen = {}): DiagnosisContext {
  const evidence = [seen.evidence ?? 'ERROR connection pool exhausted'];
  const { detectors = ['log'], exitCode, facts, killedForMemory } = seen;
  const input = {
    detector: incident.detector,
    detectors,
    killedForMemory,
    evidence: evidence.join('\n'),
    logLines: [],
    facts,
  };
  return {
    incident: { ...incident, detectors },
    killedForMemory,
    evidence,
    exitCode,
    facts,
    logLines: evidence,
    redactions: 0,
    restarts: [],
    ruleMatches: applyRules(input),
  };
}

const never = new AbortController().signal;
let serial = 0;
const incident = (over: Partial<Incident> = {}) =>
  anIncident({ id: `inc-${++serial}`, openedAt: now, lastSeenAt: now, ...over });
const models = () => claude.requests.map((request) => request.body?.model);

/** Diagnoses and writes it down, as the walk does. */
async function diagnosed(by: ReturnType<typeof diagnoser>, of: Incident, comeback = false, seen: Seen = {}) {
  await store.saveIncident(of);
  const diagnosis = await by.diagnose(contextOf(of, seen), comeback, never);
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
  /** Each of another service: a single one has a share only. */
  const kinds = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      incident({ fingerprint: `kind-${i}`, container: aContainer({ service: `service-${i}` }) }),
    );

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

describe('the fair share', () => {
  const noisy = (i: number) => incident({ fingerprint: `noise-${i}`, container: aContainer({ service: 'noisy' }) });
  const many = (count: number) => Array.from({ length: count }, (_, i) => noisy(i));

  it('keeps a quarter of what an hour allows for other services', async () => {
    const by = diagnoser({ diagnosesPerHour: 8 });
    const all = await Promise.all(many(20).map((one) => diagnosed(by, one)));
    expect(all.filter(({ tier }) => tier === 'claude')).toHaveLength(6);
    expect(all.filter(({ fallback }) => fallback === 'fair_share')).toHaveLength(14);
    expect((await diagnosed(by, incident({ container: aContainer({ service: 'quiet' }) }))).tier).toBe('claude');
    expect(by.status().overShare).toEqual(['noisy']);
  });

  it('keeps a quarter of what the day allows for other services', async () => {
    const usage = { input_tokens: 1_000_000, output_tokens: 0 };
    claude.reply(() => answer({}, { usage }));
    // A million tokens of a long prompt cost 0.50.
    const by = diagnoser({ spendPerDayUsd: 2 });
    const tiers: string[] = [];
    for (const one of many(5)) tiers.push((await diagnosed(by, one)).tier);
    expect(tiers).toEqual(['claude', 'claude', 'claude', 'rules', 'rules']);
    expect((await diagnosed(by, incident({ container: aContainer({ service: 'quiet' }) }))).tier).toBe('claude');
  });

  it('keeps nothing back where no other service is watched', async () => {
    const by = diagnoser({ diagnosesPerHour: 8, services: 1 });
    const all = await Promise.all(many(20).map((one) => diagnosed(by, one)));
    expect(all.filter(({ tier }) => tier === 'claude')).toHaveLength(8);
  });

  it('never refuses a first question for it', async () => {
    const by = diagnoser({ diagnosesPerHour: 1 });
    expect((await diagnosed(by, noisy(0))).tier).toBe('claude');
  });

  it('is no way round it to make the agent start anew: what is kept stays kept', async () => {
    await Promise.all(many(20).map((one) => diagnosed(diagnoserOnce, one)));
    const again = diagnoser({ diagnosesPerHour: 8 });
    const all = await Promise.all(many(20).map((one, i) => diagnosed(again, { ...one, fingerprint: `later-${i}` })));
    expect(all.filter(({ tier }) => tier === 'claude').length).toBeLessThanOrEqual(1);
  });

  it('is free again as the hour rolls on', async () => {
    const by = diagnoser({ diagnosesPerHour: 4 });
    const tries = await Promise.all(many(4).map((one) => diagnosed(by, one)));
    expect(tries.map(({ fallback }) => fallback)).toEqual([undefined, undefined, undefined, 'fair_share']);
    now += HOUR + 1;
    expect((await diagnosed(by, noisy(5))).tier).toBe('claude');
    expect(by.status().overShare).toEqual([]);
  });

  let diagnoserOnce: ReturnType<typeof diagnoser>;
  beforeEach(() => {
    diagnoserOnce = diagnoser({ diagnosesPerHour: 8 });
  });
});

describe('the circuit', () => {
  const other = (i: number) => incident({ fingerprint: `f-${i}`, container: aContainer({ service: `s-${i}` }) });

  it('opens after failures in a row, asks once when its time has come, and closes when that is answered', async () => {
    const by = diagnoser();
    claude.reply(() => status(400));
    for (let i = 0; i < 5; i++) expect((await diagnosed(by, other(i))).fallback).toBe('error');
    expect((await diagnosed(by, other(5))).fallback).toBe('circuit_open');
    expect(claude.requests).toHaveLength(5);

    now += 30_000;
    const both = await Promise.all([diagnosed(by, other(6)), diagnosed(by, other(7))]);
    expect(both.map(({ fallback }) => fallback).sort()).toEqual(['circuit_open', 'error']);
    now += 30_000;
    expect((await diagnosed(by, other(8))).fallback).toBe('circuit_open');

    now += 30_000;
    claude.reply(() => answer());
    expect((await diagnosed(by, other(9))).tier).toBe('claude');
    expect(by.status().circuit).toEqual({ kind: 'closed', failures: 0 });
  });

  it('is not opened by refusals: a hostile log could cause them', async () => {
    const by = diagnoser();
    claude.reply(() => refusal());
    for (let i = 0; i < 8; i++) expect((await diagnosed(by, other(i))).fallback).toBe('refused');
  });

  it('counts no question of the hour while it is open', async () => {
    const by = diagnoser();
    claude.reply(() => status(400));
    for (let i = 0; i < 9; i++) await diagnosed(by, other(i));
    expect(await store.asksSince(0)).toBe(5);
  });
});

describe('DIAGNOSE_WITH', () => {
  const full: Seen = { evidence: 'PANIC: No space left on device' };

  it('claude-first asks Claude about plain cases too, and tells it what the rules found', async () => {
    expect((await diagnosed(diagnoser(), incident(), false, full)).tier).toBe('claude');
    expect(claude.requests[0]?.prompt).toContain('no_space_left');
  });

  it('rules-first answers plain cases at no cost, and asks Claude about the others', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-first' });
    const plain = await diagnosed(by, incident(), false, full);
    expect(plain).toMatchObject({ tier: 'rules', costUsd: 0, rules: ['no_space_left', 'fatal_error', 'error_logged'] });
    expect(plain.fallback).toBeUndefined();
    expect(claude.requests).toHaveLength(0);
    expect((await diagnosed(by, incident({ fingerprint: 'other' }))).tier).toBe('claude');
  });

  it('rules-first asks Claude about a plain case whose restart did not help', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-first' });
    const oom: Seen = { detectors: ['oom', 'crash'], exitCode: 137, killedForMemory: true };
    const first = incident({ detector: 'oom' });
    expect((await diagnosed(by, first, false, oom)).tier).toBe('rules');
    await restarted(first, 'failed');
    expect((await diagnosed(by, first, true, oom)).tier).toBe('claude');
    expect(models()).toEqual(['claude-sonnet-5-5']);
  });

  it('rules-only never asks', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-only' });
    const diagnosis = await diagnosed(by, incident());
    expect(diagnosis.tier).toBe('rules');
    expect(diagnosis.fallback).toBeUndefined();
    expect(claude.requests).toHaveLength(0);
    expect(await store.asksSince(0)).toBe(0);
  });
});

describe('a known diagnosis', () => {
  const crash = (over: Partial<Seen> = {}): Seen => ({
    detectors: ['crash'],
    exitCode: 1,
    facts: someFacts({ status: 'exited', exitCode: 1, memoryLimit: 256, imageId: 'sha256:a' }),
    ...over,
  });
  const factsOf = (over: Partial<ContainerFacts>) => someFacts({ ...crash().facts, ...over });

  it.each<[string, Seen, 'known' | 'claude']>([
    ['nothing changed', crash(), 'known'],
    ['the engine does not answer', crash({ facts: undefined }), 'known'],
    ['its death was not seen yet', crash({ detectors: ['log'], exitCode: undefined }), 'known'],
    ['it ended with another exit code', crash({ exitCode: 137 }), 'claude'],
    ['it was killed for memory this time', crash({ killedForMemory: true }), 'claude'],
    ['the engine still flags the kill of a child', crash({ facts: factsOf({ oomKilled: true }) }), 'known'],
    ['its memory limit was changed', crash({ facts: factsOf({ memoryLimit: 512 }) }), 'claude'],
    ['the same tag is another image now', crash({ facts: factsOf({ imageId: 'sha256:b' }) }), 'claude'],
  ])('where %s', async (_, seen, tier) => {
    const by = diagnoser();
    await diagnosed(by, incident({ detector: 'crash' }), false, crash());
    now += HOUR;
    expect((await diagnosed(by, incident({ detector: 'crash' }), false, seen)).tier).toBe(tier);
  });
});
