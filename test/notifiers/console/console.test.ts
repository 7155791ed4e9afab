import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConsole, renderText } from '../../../src/notifiers/console/console.ts';
import { sampleAlert, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { arbitraryAlert } from '../arbitrary-alert.ts';

describe('an alert as text', () => {
  it('names the host of the container if it is known', () => {
    const { container } = sampleIncident();
    const incident = sampleIncident({ container: { ...container, host: 'node-7' } });
    expect(renderText(sampleAlert({ incident }))).toContain('\n  Host:          node-7\n');
    expect(renderText(sampleAlert())).not.toContain('Host');
  });

  it('has all parts in this order', () => {
    expect(renderText(sampleAlert())).toBe(`🔴 shop-web-1: error in the log
  Severity:      high
  Detected:      error in the log: ERROR pool exhausted: 10 of 10 connections in use
  Image:         shop/web:1.4.2
  Seen:          3 times, 2026-11-23 12:00:00 UTC to 2026-11-23 12:00:02 UTC
  Root cause:    The connection pool is exhausted because connections are never given back.
  Fix:           Close connections in a finally block; raise DB_POOL_SIZE meanwhile.
  Configuration: DB_POOL_SIZE=20
  Configuration: DB_IDLE_TIMEOUT=30s
  Impact:        Checkout fails for all users.
⚠ Likely to recur unless something is changed.
  Done:          Nothing was done
  Why:           AUTO_FIX is off; otherwise it would have been restarted
  | ERROR pool exhausted: 10 of 10 connections in use
  |     at Pool.acquire (pool.js:17:9)
(diagnosed by claude-haiku-5-5, cost $0.0011, incident inc-1)
`);
  });

  it('names the other containers that are affected, at most ten', () => {
    const members = Array.from({ length: 12 }, (_, i) => ({ container: `worker-${i + 1}`, occurrences: 41 - i }));
    expect(renderText(sampleAlert({ incident: sampleIncident({ members: members.slice(0, 2) }) }))).toContain(
      '\n  Also affected: worker-1 (41 errors), worker-2 (40)\n',
    );
    expect(renderText(sampleAlert({ incident: sampleIncident({ members }) }))).toMatch(
      /\n {2}Also affected: worker-1 \(41 errors\), .*worker-10 \(32\) and 2 more\n/,
    );
    expect(renderText(sampleAlert({ incident: sampleIncident({ members: [] }) }))).not.toContain('Also');
  });

  it('names a host that cannot be reached, and the other containers that cannot reach it', () => {
    const incident = sampleIncident({
      cause: { kind: 'external', host: 'smtp.example.com:25' },
      members: [{ container: 'worker', occurrences: 1 }],
    });
    const text = renderText(sampleAlert({ incident }));
    expect(text).toMatch(/^🔴 shop-web-1 cannot reach smtp\.example\.com:25\n/);
    expect(text).toContain('\n  Also cannot reach it: worker (1 error)\n');
    expect(renderText(sampleAlert({ incident, kind: 'crash_loop' }))).toMatch(
      /^🚨 🔴 Crash loop: shop-web-1 cannot reach smtp\.example\.com:25\n/,
    );
  });

  it('says that the cause is not known', () => {
    const textWith = (named?: string) =>
      renderText(sampleAlert({ incident: sampleIncident({ cause: { kind: 'unknown', named } }) }));
    expect(textWith('db')).toContain('\n  The cause is not known: db could not be reached, but has no known problem\n');
    expect(textWith()).toContain(
      '\n  The cause is not known: a dependency could not be reached, but none has a known problem\n',
    );
    expect(renderText(sampleAlert())).not.toContain('cause is not known');
  });

  it('contains no control characters, for any alert', () => {
    fc.assert(
      fc.property(arbitraryAlert, (alert) => {
        const text = renderText(alert);
        expect(text).not.toMatch(/(?![\n\t])\p{Cc}|\p{Cf}/u);
        expect(text.isWellFormed()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the console', () => {
  it('writes an alert as text', async () => {
    const written: string[] = [];
    const receiver = createConsole((text) => written.push(text));
    expect(await receiver.send(sampleAlert(), new AbortController().signal)).toEqual({ kind: 'sent' });
    expect(written).toEqual([renderText(sampleAlert())]);
  });

  it('never rejects', async () => {
    const receiver = createConsole(() => {
      throw new Error('EPIPE');
    });
    expect(await receiver.send(sampleAlert(), new AbortController().signal)).toEqual({ kind: 'retry', why: 'EPIPE' });
  });
});

it('shows the evidence, and that the log does not support the cause', () => {
  const evidence = [{ id: 'L2', text: 'ERROR pool exhausted\u001b[2J' }];
  const text = renderText(sampleAlert({ diagnosis: sampleDiagnosis({ evidence, failedChecks: ['no_evidence'] }) }));
  expect(text).toMatch(/^ {2}Evidence: +ERROR pool exhausted$/m);
  expect(text).toMatch(/^ {2}Not supported by the log: it names no line or fact that supports it/m);
});
