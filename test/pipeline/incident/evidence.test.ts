import { describe, expect, it } from 'vitest';
import { toEvidence } from '../../../src/pipeline/incident/evidence.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import { aContainer, anIncident, aSignal, someFacts } from '../../support/domain.ts';

const context = (over: Partial<DiagnosisContext> = {}): DiagnosisContext => ({
  incident: anIncident({ container: aContainer({ name: 'api' }) }),
  evidence: [],
  logLines: [],
  redactions: 0,
  restarts: [],
  ruleMatches: [],
  ...over,
});
const evidenceOf = (over: Partial<DiagnosisContext>, signals = [aSignal()]) =>
  toEvidence(context(over), signals, 5_000);

describe('the evidence of an incident', () => {
  it('has the redacted text of each signal, not the text of the signal itself', () => {
    const signal = aSignal({ at: 7, detector: 'crash', exitCode: 1, patterns: ['crash'], summary: 'password=hunter2' });
    const { signals, collectedAt } = evidenceOf({ evidence: ['password=‹secret:1›'] }, [signal]);
    expect(signals).toEqual([
      { at: 7, detector: 'crash', exitCode: 1, patterns: ['crash'], text: 'password=‹secret:1›' },
    ]);
    expect(collectedAt).toBe(5_000);
  });

  it('leaves out a signal that has no redacted text, and a text without a signal', () => {
    expect(evidenceOf({ evidence: ['a', 'b'] }, [aSignal()]).signals).toHaveLength(1);
    expect(evidenceOf({ evidence: ['a'] }, [aSignal(), aSignal()]).signals).toHaveLength(1);
  });

  it('is bounded, whatever a container prints', () => {
    const long = 'x'.repeat(100_000);
    const evidence = evidenceOf(
      {
        evidence: Array.from({ length: 50 }, () => long),
        logLines: Array.from({ length: 5_000 }, () => long),
        timeline: Array.from({ length: 500 }, (_, at) => ({ at, container: 'api', what: 'started' })),
        edges: Array.from({ length: 500 }, (_, i) => ({ from: 'api', to: `c${i}`, evidence: 'compose' as const })),
        changes: {
          from: 0,
          to: 1,
          changes: Array.from({ length: 100 }, () => ({ setting: 'environment', added: [long] })),
        } as DiagnosisContext['changes'],
      },
      Array.from({ length: 50 }, () => aSignal()),
    );
    expect(evidence.signals).toHaveLength(10);
    expect(evidence.excerpt).toHaveLength(60);
    expect(evidence.engineEvents.map(({ at }) => at)).toEqual(Array.from({ length: 30 }, (_, i) => 470 + i));
    expect(evidence.changes).toHaveLength(20);
    expect(evidence.graph?.containers).toHaveLength(60);
    // An edge to a container that was left out would lead nowhere.
    expect(evidence.graph?.edges).toHaveLength(59);
    expect(JSON.stringify(evidence).length).toBeLessThan(120_000);
  });

  it('contains no control characters, which a terminal would obey', () => {
    const { signals, excerpt } = evidenceOf({ evidence: ['\u001b[31mred\u0007'], logLines: ['\u001b[2Jcleared'] });
    expect(JSON.stringify([signals, excerpt])).not.toMatch(/\\u001b|\\u0007/);
  });

  it('marks the lines of the log that the diagnosis is about, and begins a little before them', () => {
    const logLines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
    const { excerpt } = evidenceOf({ evidence: ['line 100\nline 101'], logLines });
    expect(excerpt.filter(({ isEvidence }) => isEvidence).map(({ text }) => text)).toEqual(['line 100', 'line 101']);
    expect(excerpt[0]?.text).toBe('line 95');
    expect(excerpt).toHaveLength(60);
  });

  it('shows the first line of the log if that is the evidence', () => {
    const logLines = Array.from({ length: 200 }, (_, i) => `line ${i}`);
    expect(evidenceOf({ evidence: ['line 0'], logLines }).excerpt[0]).toEqual({ text: 'line 0', isEvidence: true });
  });

  it('does not mark empty lines as evidence', () => {
    const { excerpt } = evidenceOf({ evidence: ['Traceback:\n\n  at main'], logLines: ['', '  ', '  at main'] });
    expect(excerpt.map(({ isEvidence }) => isEvidence)).toEqual([false, false, true]);
  });

  it('shows the end of the log if the evidence is not in it', () => {
    const { excerpt } = evidenceOf({ logLines: Array.from({ length: 80 }, (_, i) => `line ${i}`) });
    expect([excerpt[0]?.text, excerpt.at(-1)?.text]).toEqual(['line 20', 'line 79']);
  });

  it('has the facts of the engine, with times that exist', () => {
    const { facts } = evidenceOf({ facts: someFacts({ status: 'exited', exitCode: 137, startedAt: 1_000 }) });
    expect(facts).toMatchObject({
      status: 'exited',
      exit_code: 137,
      started_at: '1970-01-01T00:00:01.000Z',
      finished_at: null,
      image: null,
    });
    expect(evidenceOf({}).facts).toBeUndefined();
  });

  it('says what changed', () => {
    const changes = {
      from: 0,
      to: 1,
      changes: [
        { setting: 'image', before: 'shop/api:1', after: 'shop/api:2' },
        { setting: 'environment', added: ['A', 'B'], removed: ['C'] },
        { setting: 'memory limit', after: '256 MiB' },
        { setting: 'CPU limit', before: '2' },
      ],
    } as DiagnosisContext['changes'];
    expect(evidenceOf({ changes }).changes).toEqual([
      'image: shop/api:1 → shop/api:2',
      'environment: added A, B; removed C',
      'memory limit: nothing → 256 MiB',
      'CPU limit: 2 → nothing',
    ]);
  });

  it('draws the graph with the role of each container, and the state of those it depends on', () => {
    const { graph } = evidenceOf({
      members: [{ container: 'web', occurrences: 3 }],
      dependants: ['cron', 'web'],
      dependencies: [
        { container: 'db', evidence: 'compose', state: someFacts({ health: 'unhealthy' }) },
        { container: 'redis', evidence: 'compose', state: 'gone' },
        { container: 'cache', evidence: 'compose', state: someFacts({ health: 'none' }) },
        { container: 'queue', evidence: 'environment' },
      ],
      edges: [{ from: 'db', to: 'disk', evidence: 'observed' }],
    });
    expect(graph?.containers).toEqual([
      { name: 'api', role: 'self' },
      { name: 'web', role: 'member' },
      { name: 'db', role: 'dependency', state: 'running, unhealthy' },
      { name: 'redis', role: 'dependency', state: 'gone' },
      { name: 'cache', role: 'dependency', state: 'running' },
      { name: 'queue', role: 'dependency', state: undefined },
      { name: 'cron', role: 'dependant' },
      { name: 'disk', role: 'other' },
    ]);
    expect(evidenceOf({}).graph).toBeUndefined();
  });

  const web = [{ container: 'web', occurrences: 1 }];
  const db = [{ container: 'db', evidence: 'compose' as const }];
  const edge = [{ from: 'api', to: 'db', evidence: 'compose' as const }];
  it.each([
    [{ members: web, dependants: ['cron'] }, ['api', 'web', 'cron']],
    [{ dependants: ['cron'], dependencies: db }, ['api', 'db', 'cron']],
    [{ members: web, dependencies: db }, ['api', 'web', 'db']],
    [{ dependencies: db, edges: edge }, ['api', 'db']],
    [{ dependants: ['cron'], edges: edge }, ['api', 'cron', 'db']],
  ])('draws a graph of %j', (over, names) => {
    expect(evidenceOf(over).graph?.containers.map(({ name }) => name)).toEqual(names);
  });
});
