import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import type { DiagnoseWith } from '../../../src/domain/diagnosis.ts';
import type { Detector, Incident } from '../../../src/domain/incident.ts';
import type { Logger } from '../../../src/lib/log.ts';
import { createClaude } from '../../../src/models/claude/claude.ts';
import { createDiagnoser } from '../../../src/pipeline/diagnose/diagnose.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
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
    mayRestart?: boolean;
    timeoutMs?: number;
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
            timeoutMs: over.timeoutMs ?? 60_000,
          }),
    ledger: store,
    questions: store,
    incidents: store,
    observer: noopObserver,
    logger: silent,
    clock: { now: () => now, monotonic: () => now, sleep: async () => {} },
    limits: { diagnosesPerHour: over.diagnosesPerHour ?? 20, spendPerDayUsd: over.spendPerDayUsd ?? 1 },
    services: () => over.services ?? 2,
    mayRestart: () => over.mayRestart ?? true,
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

/** Diagnoses an incident and stores both, like the workflow. */
async function diagnosed(by: ReturnType<typeof diagnoser>, of: Incident, restartFailed = false, seen: Seen = {}) {
  await store.saveIncident(of);
  const diagnosis = await by.diagnose(contextOf(of, seen), restartFailed, never);
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
  it('comes from Claude, with its cost', async () => {
    const diagnosis = await diagnosed(diagnoser(), incident());
    expect(diagnosis).toMatchObject({
      tier: 'claude',
      rootCause: 'The connection pool is exhausted.',
      rules: ['connection_pool_exhausted', 'error_logged'],
    });
    expect(diagnosis.costUsd).toBeGreaterThan(0);
    expect(await store.spendSince(0)).toBeCloseTo(diagnosis.costUsd, 9);
  });

  it('comes from the rules if there is no API key, with this reason', async () => {
    expect(await diagnosed(diagnoser({ key: false }), incident())).toMatchObject({
      tier: 'rules',
      fallback: 'no_key',
      severity: 'high',
    });
    expect(claude.requests).toHaveLength(0);
  });

  it.each([
    [400, 'rejected'],
    [401, 'wrong_key'],
    [429, 'rate_limited'],
    [529, 'overloaded'],
  ])('comes from the rules if the API responds with %i, with the reason', async (code, reason) => {
    claude.reply(() => status(code, { 'retry-after': '3600' }));
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({ tier: 'rules', fallback: reason });
  });

  it('comes from the rules if the API does not respond in time', async () => {
    claude.reply(() => hang());
    expect(await diagnosed(diagnoser({ timeoutMs: 500 }), incident())).toMatchObject({
      tier: 'rules',
      fallback: 'timeout',
    });
  });

  it('is reused if the problem recurs', async () => {
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

  it('is not reused after a day', async () => {
    const by = diagnoser();
    await diagnosed(by, incident());
    now += 25 * HOUR;
    expect((await diagnosed(by, incident())).tier).toBe('claude');
  });

  it('is not reused if the image has changed', async () => {
    const by = diagnoser();
    await diagnosed(by, incident());
    const { container } = anIncident();
    expect((await diagnosed(by, incident({ container: { ...container, image: 'shop/web:1.5' } }))).tier).toBe('claude');
  });

  it('by the rules is not reused if Claude can be asked', async () => {
    await diagnosed(diagnoser({ key: false }), incident());
    expect((await diagnosed(diagnoser(), incident())).tier).toBe('claude');
  });

  it('comes from the strong model if the first is unsure', async () => {
    claude.reply([answer({ confidence: 'low' }), answer({ root_cause: 'A leak.' })]);
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({ rootCause: 'A leak.', tier: 'claude' });
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
  });

  it('comes from the strong model, which gets the history, if the problem came back after a restart', async () => {
    const by = diagnoser();
    const first = incident();
    await diagnosed(by, first);
    await restarted(first, 'recovered');
    now += 10 * 60_000;
    expect((await diagnosed(by, incident())).afterFailedRestart).toBe(true);
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
    expect(claude.requests[1]?.prompt).toContain('The connection pool is exhausted.');
  });

  it('by the strong model is reused if the next restart does not help either', async () => {
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

describe('the evidence of a diagnosis', () => {
  const cited = { evidence: ['L1'] };

  it('is stored with the text of the lines', async () => {
    claude.reply([answer({ root_cause: 'The pool leaks.', ...cited })]);
    const diagnosis = await diagnosed(diagnoser(), incident());
    expect(diagnosis.evidence).toEqual([{ id: 'L1', text: 'ERROR connection pool exhausted' }]);
    expect(diagnosis.failedChecks).toBeUndefined();
    expect(models()).toEqual(['claude-haiku-5-5']);
  });

  it('is asked of the strong model, once, if that of the first does not hold', async () => {
    claude.reply([
      answer({ root_cause: 'It logged "the replica set has no primary".', ...cited }),
      answer({ root_cause: 'The pool leaks.', ...cited }),
    ]);
    const diagnosis = await diagnosed(diagnoser(), incident());
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
    expect(diagnosis).toMatchObject({ rootCause: 'The pool leaks.', model: 'claude-sonnet-5-5' });
    expect(diagnosis.failedChecks).toBeUndefined();
  });

  it('that neither model can give is named as missing', async () => {
    claude.reply(() => answer({ root_cause: 'The pool leaks.', evidence: ['L77'] }));
    expect(await diagnosed(diagnoser(), incident())).toMatchObject({
      failedChecks: ['unknown_reference'],
      unsure: true,
    });
    expect(models()).toEqual(['claude-haiku-5-5', 'claude-sonnet-5-5']);
  });

  it('may be none: not to know the cause is an answer, and the severity stays', async () => {
    const unknown = { root_cause: 'Not known; the pool is full.', severity: 'high', evidence: [], confidence: 'low' };
    claude.reply(() => answer(unknown));
    const diagnosis = await diagnosed(diagnoser(), incident());
    expect(diagnosis).toMatchObject({ severity: 'high', rootCause: unknown.root_cause, unsure: true });
    expect(diagnosis.failedChecks).toBeUndefined();
  });
});

describe('earlier incidents', () => {
  const judge = (of: Incident, verdict: 'right' | 'wrong', note?: string) =>
    store
      .saveDecision(of.id, { kind: 'notify', reason: 'severity_too_low' })
      .then(() => store.saveVerdict(of.id, { verdict, at: now, ...(note !== undefined && { note }) }));

  it('that resemble it are part of the question, with what helped and the verdict', async () => {
    const by = diagnoser();
    claude.reply(() => answer({ root_cause: 'A leak in the pool.' }));
    const first = incident({ fingerprint: 'one' });
    await diagnosed(by, first);
    await restarted(first, 'recovered');
    await judge(first, 'right', 'the fix was to raise it');
    await diagnosed(by, incident({ fingerprint: 'two' }));
    const question = claude.requests[1]?.prompt ?? '';
    expect(question).toMatch(/Earlier incidents of this agent.*A leak in the pool/s);
    expect(question).toMatch(
      /it was restarted and recovered; a person called this case right: "the fix was to raise it"/,
    );
    expect(claude.requests[0]?.prompt).not.toContain('Earlier incidents of this agent');
  });

  it('of other services with another message are not', async () => {
    const by = diagnoser();
    await diagnosed(by, incident({ fingerprint: 'one', container: aContainer({ service: 'other' }) }));
    await diagnosed(by, incident({ fingerprint: 'two' }));
    expect(claude.requests[1]?.prompt).not.toContain('Earlier incidents of this agent');
  });

  it('are at most three', async () => {
    const by = diagnoser();
    for (let i = 0; i < 6; i++) await diagnosed(by, incident({ fingerprint: `kind-${i}` }));
    const question = claude.requests[5]?.prompt ?? '';
    expect(question.match(/^ {2}what happened: /gm)).toHaveLength(3);
  });

  it('with a diagnosis that a person called wrong are not reused, nor is a copy of that diagnosis', async () => {
    const by = diagnoser();
    const first = incident();
    await diagnosed(by, first);
    now += 60_000;
    expect((await diagnosed(by, incident())).tier).toBe('known');
    await judge(first, 'wrong', 'it was the database');
    now += 60_000;
    expect((await diagnosed(by, incident())).tier).toBe('claude');
    expect(claude.requests.at(-1)?.prompt).toMatch(/called this case wrong: "it was the database"/);
    now += 60_000;
    expect((await diagnosed(by, incident())).tier).toBe('known');
  });
});

describe('the caps', () => {
  /** Of different services, because each one has only a share. */
  const kinds = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      incident({ fingerprint: `kind-${i}`, container: aContainer({ service: `service-${i}` }) }),
    );

  it('limit the diagnoses in a rolling hour, also of incidents at the same moment', async () => {
    const by = diagnoser({ diagnosesPerHour: 3 });
    const all = await Promise.all(kinds(8).map((one) => diagnosed(by, one)));
    expect(all.filter((diagnosis) => diagnosis.tier === 'claude')).toHaveLength(3);
    expect(all.filter((diagnosis) => diagnosis.fallback === 'hourly_cap')).toHaveLength(5);
  });

  it('count a diagnosis for an hour from when it was made', async () => {
    const by = diagnoser({ diagnosesPerHour: 1 });
    const [a, b, c] = kinds(3) as [Incident, Incident, Incident];
    expect((await diagnosed(by, a)).tier).toBe('claude');
    now += HOUR - 1;
    expect((await diagnosed(by, b)).fallback).toBe('hourly_cap');
    now += 2;
    expect((await diagnosed(by, c)).tier).toBe('claude');
  });

  it('limit the spend in a rolling day', async () => {
    const by = diagnoser({ spendPerDayUsd: 0.000_01 });
    const [a, b] = kinds(2) as [Incident, Incident];
    expect((await diagnosed(by, a)).tier).toBe('claude');
    expect((await diagnosed(by, b)).fallback).toBe('daily_spend');
    now += 24 * HOUR + 1;
    expect((await diagnosed(by, incident({ fingerprint: 'later' }))).tier).toBe('claude');
  });

  it('of 0 prevent all questions to Claude', async () => {
    expect((await diagnosed(diagnoser({ spendPerDayUsd: 0 }), incident())).fallback).toBe('daily_spend');
    expect((await diagnosed(diagnoser({ diagnosesPerHour: 0 }), incident({ fingerprint: 'x' }))).fallback).toBe(
      'hourly_cap',
    );
  });
});

describe('the fair share', () => {
  const noisy = (i: number) => incident({ fingerprint: `noise-${i}`, container: aContainer({ service: 'noisy' }) });
  const many = (count: number) => Array.from({ length: count }, (_, i) => noisy(i));

  it('reserves a quarter of the hourly cap for other services', async () => {
    const by = diagnoser({ diagnosesPerHour: 8 });
    const all = await Promise.all(many(20).map((one) => diagnosed(by, one)));
    expect(all.filter(({ tier }) => tier === 'claude')).toHaveLength(6);
    expect(all.filter(({ fallback }) => fallback === 'fair_share')).toHaveLength(14);
    expect((await diagnosed(by, incident({ container: aContainer({ service: 'quiet' }) }))).tier).toBe('claude');
    expect(by.status().overShare).toEqual(['noisy']);
  });

  it('reserves a quarter of the daily spend for other services', async () => {
    const usage = { input_tokens: 1_000_000, output_tokens: 0 };
    claude.reply(() => answer({}, { usage }));
    // A long prompt of a million tokens costs $0.50.
    const by = diagnoser({ spendPerDayUsd: 2 });
    const tiers: string[] = [];
    for (const one of many(5)) tiers.push((await diagnosed(by, one)).tier);
    expect(tiers).toEqual(['claude', 'claude', 'claude', 'rules', 'rules']);
    expect((await diagnosed(by, incident({ container: aContainer({ service: 'quiet' }) }))).tier).toBe('claude');
  });

  it('reserves nothing if no other service is watched', async () => {
    const by = diagnoser({ diagnosesPerHour: 8, services: 1 });
    const all = await Promise.all(many(20).map((one) => diagnosed(by, one)));
    expect(all.filter(({ tier }) => tier === 'claude')).toHaveLength(8);
  });

  it('always allows the first question of a service', async () => {
    const by = diagnoser({ diagnosesPerHour: 1 });
    expect((await diagnosed(by, noisy(0))).tier).toBe('claude');
  });

  it('keeps the reserve across a restart of the agent', async () => {
    await Promise.all(many(20).map((one) => diagnosed(diagnoserOnce, one)));
    const again = diagnoser({ diagnosesPerHour: 8 });
    const all = await Promise.all(many(20).map((one, i) => diagnosed(again, { ...one, fingerprint: `later-${i}` })));
    expect(all.filter(({ tier }) => tier === 'claude').length).toBeLessThanOrEqual(1);
  });

  it('counts a question for an hour', async () => {
    const by = diagnoser({ diagnosesPerHour: 4 });
    const diagnoses = await Promise.all(many(4).map((one) => diagnosed(by, one)));
    expect(diagnoses.map(({ fallback }) => fallback)).toEqual([undefined, undefined, undefined, 'fair_share']);
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

  it('opens after consecutive failures, lets one question through after the back-off, and closes on its success', async () => {
    const by = diagnoser();
    claude.reply(() => status(400));
    for (let i = 0; i < 5; i++) expect((await diagnosed(by, other(i))).fallback).toBe('rejected');
    expect(await diagnosed(by, other(5))).toMatchObject({ fallback: 'circuit_open', fallbackCause: 'rejected' });
    expect(claude.requests).toHaveLength(5);

    now += 30_000;
    const both = await Promise.all([diagnosed(by, other(6)), diagnosed(by, other(7))]);
    expect(both.map(({ fallback }) => fallback).sort()).toEqual(['circuit_open', 'rejected']);
    now += 30_000;
    expect((await diagnosed(by, other(8))).fallback).toBe('circuit_open');

    now += 30_000;
    claude.reply(() => answer());
    expect((await diagnosed(by, other(9))).tier).toBe('claude');
    expect(by.status().circuit).toEqual({ kind: 'closed', failures: 0 });
  });

  it('is not opened by refusals, which a hostile log could cause', async () => {
    const by = diagnoser();
    claude.reply(() => refusal());
    for (let i = 0; i < 8; i++) expect((await diagnosed(by, other(i))).fallback).toBe('refused');
  });

  it('leaves the hourly cap unused while it is open', async () => {
    const by = diagnoser();
    claude.reply(() => status(400));
    for (let i = 0; i < 9; i++) await diagnosed(by, other(i));
    expect(await store.asksSince(0)).toBe(5);
  });
});

describe('DIAGNOSE_WITH', () => {
  const full: Seen = { evidence: 'PANIC: No space left on device' };

  it('claude-first asks Claude also if a rule is unambiguous, and sends the matches of the rules', async () => {
    expect((await diagnosed(diagnoser(), incident(), false, full)).tier).toBe('claude');
    expect(claude.requests[0]?.prompt).toContain('no_space_left');
  });

  it('rules-first uses an unambiguous rule at no cost, and otherwise asks Claude', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-first' });
    const free = await diagnosed(by, incident(), false, full);
    expect(free).toMatchObject({ tier: 'rules', costUsd: 0, rules: ['no_space_left', 'fatal_error', 'error_logged'] });
    expect(free.fallback).toBeUndefined();
    expect(claude.requests).toHaveLength(0);
    expect((await diagnosed(by, incident({ fingerprint: 'other' }))).tier).toBe('claude');
  });

  it('rules-first asks Claude if the restart after an unambiguous rule did not help', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-first' });
    const oom: Seen = { detectors: ['oom', 'crash'], exitCode: 137, killedForMemory: true };
    const first = incident({ detector: 'oom' });
    expect((await diagnosed(by, first, false, oom)).tier).toBe('rules');
    await restarted(first, 'failed');
    expect((await diagnosed(by, first, true, oom)).tier).toBe('claude');
    expect(models()).toEqual(['claude-sonnet-5-5']);
  });

  it('rules-only never asks Claude', async () => {
    const by = diagnoser({ diagnoseWith: 'rules-only' });
    const diagnosis = await diagnosed(by, incident());
    expect(diagnosis.tier).toBe('rules');
    expect(diagnosis.fallback).toBeUndefined();
    expect(claude.requests).toHaveLength(0);
    expect(await store.asksSince(0)).toBe(0);
  });
});

describe('an earlier diagnosis', () => {
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
    ['its crash was not observed yet', crash({ detectors: ['log'], exitCode: undefined }), 'known'],
    ['it exited with another code', crash({ exitCode: 137 }), 'claude'],
    ['it was killed for memory this time', crash({ killedForMemory: true }), 'claude'],
    [
      'the engine still has the flag of a killed child process',
      crash({ facts: factsOf({ oomKilled: true }) }),
      'known',
    ],
    ['its memory limit changed', crash({ facts: factsOf({ memoryLimit: 512 }) }), 'claude'],
    ['its tag now names another image', crash({ facts: factsOf({ imageId: 'sha256:b' }) }), 'claude'],
  ])('if %s', async (_, seen, tier) => {
    const by = diagnoser();
    await diagnosed(by, incident({ detector: 'crash' }), false, crash());
    now += HOUR;
    expect((await diagnosed(by, incident({ detector: 'crash' }), false, seen)).tier).toBe(tier);
  });
});
