import { describe, expect, it } from 'vitest';
import { parseHistoryQuery, toHistoryEntry } from '../../src/http/history.ts';
import { container, diagnosis, incident } from '../telemetry/samples.ts';

describe('a history entry', () => {
  it('has the diagnosis, the decision and the outcome', () => {
    const entry = toHistoryEntry({
      incident,
      diagnosis,
      decision: { kind: 'restart', reason: 'restart_allowed' },
      outcome: 'recovered',
    });
    expect(entry).toEqual({
      container: 'shop-web-1',
      host: null,
      timestamp: '2026-11-23T03:00:09.000Z',
      diagnosis: {
        root_cause: 'The heap outgrew the memory limit.',
        severity: 'high',
        suggested_fix: 'Raise the limit.',
        auto_restart_safe: true,
        config_suggestions: ['mem_limit: 512m'],
        likely_recurring: true,
        estimated_impact: 'Requests fail.',
        tier: 'claude',
        model: 'claude-haiku-5-5',
      },
      patterns: ['oom'],
      id: 'inc-1',
      trace_id: 'a'.repeat(32),
      decision: 'restart',
      reason: 'restart_allowed',
      outcome: 'recovered',
      occurrences: 4,
      cost_usd: 0.0012,
      detector: 'oom',
      cause: null,
      members: [],
      image: container.image,
      state: 'open',
    });
  });

  it('names the host of the incident, else that of the agent', () => {
    expect(toHistoryEntry({ incident }, 'web-1').host).toBe('web-1');
    const elsewhere = { ...incident, container: { ...container, host: 'web-2' } };
    expect(toHistoryEntry({ incident: elsewhere }, 'web-1').host).toBe('web-2');
  });

  it('says why the built-in rules made the diagnosis, and has no trace id without a trace', () => {
    const entry = toHistoryEntry({
      incident: { ...incident, trace: undefined },
      diagnosis: { ...diagnosis, tier: 'rules', model: undefined, fallback: 'hourly_cap', costUsd: 0 },
      decision: { kind: 'notify', reason: 'auto_fix_off' },
    });
    expect(entry).toMatchObject({ trace_id: null, outcome: null, diagnosis: { fallback: 'hourly_cap', model: null } });
  });

  it('shows the evidence, and the checks that the diagnosis failed', () => {
    const evidence = [{ id: 'L2', text: 'ERROR pool exhausted' }];
    const failedChecks = ['unknown_reference'] as const;
    const entry = toHistoryEntry({ incident, diagnosis: { ...diagnosis, evidence, failedChecks } });
    expect(entry.diagnosis).toMatchObject({ evidence, failed_checks: ['unknown_reference'] });
  });

  it('can be created before the incident is diagnosed', () => {
    expect(toHistoryEntry({ incident })).toMatchObject({
      timestamp: '2026-11-23T03:00:00.000Z',
      diagnosis: null,
      decision: null,
      reason: null,
      cost_usd: 0,
    });
  });
});

describe('a history query', () => {
  it.each([
    [{}, { limit: 50 }],
    [{ limit: '1' }, { limit: 1 }],
    [
      { limit: '1000', container: 'shop_web.1-a' },
      { limit: 1000, container: 'shop_web.1-a' },
    ],
    [{ host: 'web-1.example' }, { limit: 50, host: 'web-1.example' }],
    [{ page: '7' }, { limit: 50 }],
  ])('%j is parsed as %j', (given, query) => {
    expect(parseHistoryQuery(given)).toEqual({ query });
  });

  it.each([
    [{ limit: '0' }, 'limit is "0"; allowed is a whole number from 1 to 1000'],
    [{ limit: '1001' }, /^limit is "1001"/],
    [{ limit: '1e2' }, /^limit/],
    [{ limit: '-5' }, /^limit/],
    [{ limit: '' }, /^limit is ""/],
    [{ limit: ['5', '6'] }, /^limit is \["5","6"\]; allowed/],
    [{ container: '' }, 'container is ""; allowed is a container\'s name'],
    [{ container: '../etc' }, /^container/],
    [{ container: ['a', 'b'] }, /^container/],
    [{ host: 'a/b' }, 'host is "a/b"; allowed is the name of a host'],
    [{ limit: 'x'.repeat(5_000) }, /^.{0,200}$/],
  ])('%j is rejected', (given, error) => {
    expect(parseHistoryQuery(given)).toEqual({ error: expect.stringMatching(error) });
  });
});
