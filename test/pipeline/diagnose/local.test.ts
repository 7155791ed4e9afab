import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiagnoseWith, Diagnosis } from '../../../src/domain/diagnosis.ts';
import type { LocalFailure } from '../../../src/domain/model-failures.ts';
import type { Logger } from '../../../src/lib/log.ts';
import { createClaude } from '../../../src/models/claude/claude.ts';
import { createLocalModel } from '../../../src/models/local/local.ts';
import { isUnproven } from '../../../src/pipeline/decide/local-trust.ts';
import { createDiagnoser } from '../../../src/pipeline/diagnose/diagnose.ts';
import { applyRules } from '../../../src/pipeline/diagnose/rules.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { answer, type ClaudeServer, startClaudeServer, status } from '../../support/claude-server.ts';
import { anIncident } from '../../support/domain.ts';
import {
  LOCAL_MODEL,
  type LocalModelServer,
  localAnswer,
  SERVER_ERRORS,
  says,
  startLocalModelServer,
} from '../../support/local-model-server.ts';

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const never = new AbortController().signal;

let claude: ClaudeServer;
let local: LocalModelServer;
let store: Store;
let folder: string;
let now = 1_700_000_000_000;
let seen: string[];
let serial = 0;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'local-tier-'));
  claude = await startClaudeServer(() => answer({ root_cause: 'Claude says so.' }));
  local = await startLocalModelServer(() => says(localAnswer({ root_cause: 'The local model says so.' })));
  store = await openStore({ where: { dataDir: folder }, receivers: [], now: () => now, logger: silent });
  seen = [];
});

afterEach(async () => {
  await store.close();
  await claude.close();
  await local.close();
  rmSync(folder, { recursive: true });
});

interface Setup {
  readonly key?: boolean;
  readonly mayRestart?: boolean;
  readonly diagnosesPerHour?: number;
  readonly timeoutMs?: number;
}

function diagnoser(diagnoseWith: DiagnoseWith, setup: Setup = {}) {
  const { key = true, mayRestart = true, diagnosesPerHour = 20, timeoutMs = 20_000 } = setup;
  return createDiagnoser({
    diagnoseWith,
    questions: store,
    claude: key
      ? createClaude({
          apiKey: 'sk-ant-stand-in',
          baseURL: claude.url,
          model: 'claude-haiku-5-5',
          strongModel: 'claude-sonnet-5-5',
          now: () => now,
        })
      : undefined,
    local: createLocalModel({
      url: local.url,
      api: 'ollama',
      model: LOCAL_MODEL,
      timeoutMs,
      loadingMs: 0,
      now: () => now,
    }),
    ledger: store,
    incidents: store,
    observer: {
      ...noopObserver,
      diagnosis: ({ tier, outcome }) => seen.push(`${tier} ${outcome}`),
      localRequest: ({ outcome }) => seen.push(`request ${outcome}`),
    },
    logger: silent,
    clock: { now: () => now, monotonic: () => now, sleep: async () => {} },
    limits: { diagnosesPerHour, spendPerDayUsd: 1 },
    services: () => 1,
    mayRestart: () => mayRestart,
  });
}

async function diagnosed(by: ReturnType<typeof diagnoser>, fingerprint = `f${++serial}`, restartFailed = false) {
  const incident = anIncident({ id: `inc-${++serial}`, openedAt: now, lastSeenAt: now, fingerprint });
  const evidence = ['ERROR connection pool exhausted'];
  await store.saveIncident(incident);
  const rules = applyRules({ detector: 'log', detectors: ['log'], evidence: evidence.join('\n') });
  const context = { incident, evidence, logLines: evidence, redactions: 0, restarts: [], ruleMatches: rules };
  const diagnosis = await by.diagnose(context, restartFailed, never);
  await store.saveDiagnosis(incident.id, diagnosis);
  return diagnosis;
}

const asked = () => ({ local: local.requests.length, claude: claude.requests.length });

describe('local-first', () => {
  it('believes a sure answer that leads to no restart, and spends nothing', async () => {
    const diagnosis = await diagnosed(diagnoser('local-first'));
    expect(diagnosis).toMatchObject({
      tier: 'local',
      by: 'local',
      model: LOCAL_MODEL,
      rootCause: 'The local model says so.',
      costUsd: 0,
    });
    expect(asked()).toEqual({ local: 1, claude: 0 });
    expect(seen).toEqual(['request ok', 'local ok']);
    expect(await store.asksSince(0)).toBe(0);
  });

  it.each([
    ['is unsure', localAnswer({ confidence: 'low' })],
    ['would lead to a restart', localAnswer({ severity: 'high', auto_restart_safe: true })],
    ['is nonsense', 'It depends.'],
  ])('asks Claude if the answer %s', async (_, text) => {
    local.reply(() => says(text));
    const diagnosis = await diagnosed(diagnoser('local-first'));
    expect(diagnosis).toMatchObject({ tier: 'claude', by: 'claude', rootCause: 'Claude says so.' });
    expect(diagnosis.costUsd).toBeGreaterThan(0);
    expect(asked()).toEqual({ local: 1, claude: 1 });
  });

  it('does not ask Claude about a restart that policy forbids', async () => {
    local.reply(() => says(localAnswer({ severity: 'high', auto_restart_safe: true })));
    expect((await diagnosed(diagnoser('local-first', { mayRestart: false }))).tier).toBe('local');
    expect(asked().claude).toBe(0);
  });

  it("asks Claude's strong model if the problem came back after a restart", async () => {
    const by = diagnoser('local-first');
    await diagnosed(by, 'same');
    expect(await diagnosed(by, 'same', true)).toMatchObject({ tier: 'claude', model: 'claude-sonnet-5-5' });
    expect(asked()).toEqual({ local: 1, claude: 1 });
  });

  it('keeps the local answer if Claude cannot be asked, and says why', async () => {
    local.reply(() => says(localAnswer({ confidence: 'low' })));
    expect(await diagnosed(diagnoser('local-first', { key: false }))).toMatchObject({
      tier: 'local',
      fallback: 'no_key',
    });
    expect(await diagnosed(diagnoser('local-first', { diagnosesPerHour: 0 }))).toMatchObject({
      tier: 'local',
      fallback: 'hourly_cap',
    });
    claude.reply(() => status(401));
    expect(await diagnosed(diagnoser('local-first'))).toMatchObject({ tier: 'local', fallback: 'wrong_key' });
  });

  it('leaves the rules if no model answers, with both reasons', async () => {
    local.reply(() => SERVER_ERRORS.ollamaNoModel);
    claude.reply(() => status(401));
    expect(await diagnosed(diagnoser('local-first'))).toMatchObject({
      tier: 'rules',
      localFailure: 'model_missing',
      fallback: 'wrong_key',
    });
  });

  it('reuses its answer for the same problem', async () => {
    const by = diagnoser('local-first');
    await diagnosed(by, 'same');
    expect(await diagnosed(by, 'same')).toMatchObject({ tier: 'known', by: 'local', model: LOCAL_MODEL });
    expect(asked()).toEqual({ local: 1, claude: 0 });
  });
});

describe('local-only', () => {
  it('never asks Claude', async () => {
    for (const text of [
      localAnswer({ confidence: 'low' }),
      localAnswer({ severity: 'high', auto_restart_safe: true }),
    ]) {
      local.reply(() => says(text));
      expect((await diagnosed(diagnoser('local-only'))).tier).toBe('local');
    }
    local.reply(() => SERVER_ERRORS.fault);
    const last = await diagnosed(diagnoser('local-only'), 'same', true);
    expect(last).toMatchObject({ tier: 'rules', localFailure: 'error' });
    expect(last.fallback).toBeUndefined();
    expect(asked().claude).toBe(0);
  });

  const failures: readonly (readonly [LocalFailure, Parameters<LocalModelServer['reply']>[0]])[] = [
    ['timeout', () => ({ kind: 'hang' })],
    ['model_missing', () => SERVER_ERRORS.ollamaNoModel],
    ['loading', () => SERVER_ERRORS.llamaLoading],
    ['invalid', () => says('It depends.')],
    ['empty', () => says('')],
    ['truncated', () => says('{"root', { end: 'length' })],
  ];
  it.each(failures)('falls through to the rules and counts the reason: %s', async (reason, reply) => {
    local.reply(reply);
    const by = diagnoser('local-only', reason === 'timeout' ? { timeoutMs: 300 } : {});
    expect(await diagnosed(by)).toMatchObject({ tier: 'rules', localFailure: reason });
    expect(seen).toEqual([`request ${reason}`, 'local failed', 'rules ok']);
    expect(by.localStatus()).toMatchObject({ lastFailure: reason });
  });

  it('does not wait for a server that does not answer, until it is due again', async () => {
    local.reply(() => ({ kind: 'hang' }));
    const by = diagnoser('local-only', { timeoutMs: 1_000 });
    const reasons: Diagnosis['localFailure'][] = [];
    for (let i = 0; i < 3; i++) reasons.push((await diagnosed(by)).localFailure);
    expect(reasons).toEqual(['timeout', 'timeout', 'paused']);
    local.reply(() => says());
    now += 31_000;
    expect((await diagnosed(by)).tier).toBe('local');
    expect(by.localStatus()?.circuit).toEqual({ kind: 'closed', failures: 0 });
  });

  it('keeps asking a model that answers nonsense: a hostile log could cause it', async () => {
    local.reply(() => says('ok'));
    const by = diagnoser('local-only');
    for (let i = 0; i < 4; i++) expect((await diagnosed(by)).localFailure).toBe('invalid');
  });
});

describe('claude-first', () => {
  it('asks the local model while Claude cannot be asked', async () => {
    expect((await diagnosed(diagnoser('claude-first'))).tier).toBe('claude');
    expect(asked().local).toBe(0);
    claude.reply(() => status(401));
    expect(await diagnosed(diagnoser('claude-first'))).toMatchObject({ tier: 'local', fallback: 'wrong_key' });
  });

  it('leads to no restart by the local answer before it has earned that', async () => {
    const diagnosis = await diagnosed(diagnoser('claude-first', { key: false }));
    expect(diagnosis.by).toBe('local');
    expect(
      await isUnproven(
        diagnosis,
        applyRules({ detector: 'log', detectors: ['log'], evidence: 'x' }),
        async () => false,
      ),
    ).toBe(true);
  });

  it("does not reuse the local model's answer once Claude can be asked", async () => {
    await diagnosed(diagnoser('claude-first', { key: false }), 'same');
    expect((await diagnosed(diagnoser('claude-first'), 'same')).tier).toBe('claude');
  });
});

it('rules-only asks no model', async () => {
  expect(await diagnosed(diagnoser('rules-only'))).toMatchObject({ tier: 'rules' });
  expect(asked()).toEqual({ local: 0, claude: 0 });
});
