import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain.ts';
import { renderSlack, type SlackMessage } from '../../../src/notifiers/slack/message.ts';
import { NOON, sampleAlert, sampleAttempt, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { arbitraryAlert } from '../arbitrary-alert.ts';
import { problemsOf } from './block-kit.ts';

interface Text {
  readonly type: string;
  readonly text: string;
}

/** Every object of the message that holds a text. */
function textsOf(value: unknown): Text[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'text' in value && typeof value.text === 'string' && 'type' in value ? [value as Text] : [];
  return [...own, ...Object.values(value).flatMap(textsOf)];
}

const readable = (message: SlackMessage) =>
  textsOf(message.blocks)
    .map(({ text }) => text)
    .join('\n');
const shown = (over: Partial<Alert> = {}) => readable(renderSlack(sampleAlert(over)));

describe('the Slack message', () => {
  it('about a problem that the agent found an hour late says that it is old news', () => {
    const text = shown({
      incident: sampleIncident({ openedAt: NOON, lastSeenAt: NOON - 65 * 60_000, occurrences: 2 }),
    });
    expect(text).toMatch(/^🔴 shop-web-1: error in the log \(old news\)$/m);
    expect(text).toContain(
      '2 times, last at 2026-11-23 10:55:00 UTC. Old news: the agent could not read it until 1 h 5 min later',
    );
  });

  it('says what a person needs, in this order', () => {
    const message = renderSlack(
      sampleAlert({
        incident: sampleIncident({
          trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
        }),
        decision: { kind: 'restart', reason: 'restart_allowed' },
        attempt: sampleAttempt(),
      }),
      { host: 'node-7' },
    );
    expect(message.blocks.map((block) => block.type)).toEqual([
      'header',
      'section',
      'rich_text',
      'rich_text',
      'rich_text',
      'rich_text',
      'rich_text',
      'rich_text',
      'rich_text',
      'context',
    ]);
    expect(readable(message)).toBe(`🔴 shop-web-1: error in the log
*Severity*
high
*Detected*
error in the log: ERROR pool exhausted: 10 of 10 connections in use
*Image*
shop/web:1.4.2
*Seen*
3 times, 2026-11-23 12:00:00 UTC to 2026-11-23 12:00:02 UTC
Root cause

The connection pool is exhausted because connections are never given back.
Suggested fix

Close connections in a finally block; raise DB_POOL_SIZE meanwhile.
Configuration
DB_POOL_SIZE=20
DB_IDLE_TIMEOUT=30s
Estimated impact

Checkout fails for all users.
⚠ Likely to recur
 unless something is changed: a restart alone is no cure.
✅ Restarted, and it recovered (healthy after 12 s)

Why: policy, diagnosis and facts allow a restart.
ERROR pool exhausted: 10 of 10 connections in use
    at Pool.acquire (pool.js:17:9)
diagnosed by claude-haiku-5-5
cost $0.0011
incident inc-1
trace 4bf92f3577b34da6a3ce929d0e0e4736
host node-7`);
    expect(message.text).toMatch(/^🔴 shop-web-1: error in the log: The connection pool is exhausted/);
    expect(message).toMatchObject({ mrkdwn: false, parse: 'none', unfurl_links: false, unfurl_media: false });
  });

  it.each([
    ['high', '🔴'],
    ['medium', '🟠'],
    ['low', '🟡'],
  ] as const)('has the colour of %s severity in its header', (severity, dot) => {
    const [head] = renderSlack(sampleAlert({ diagnosis: sampleDiagnosis({ severity }) })).blocks;
    expect(readable({ blocks: [head] } as unknown as SlackMessage)).toContain(dot);
  });

  it('is louder about a repeated failure', () => {
    const text = shown({
      kind: 'repeated_failure',
      restartsLastHour: 3,
      decision: { kind: 'notify', reason: 'restart_limit' },
    });
    expect(text).toMatch(
      /^🚨 🔴 Repeated failure: shop-web-1\n🚨 Repeated failure: restarted 3 times in the last hour, not again without you\./,
    );
    expect(text).toContain('Why: this container has reached its restart limit.');
  });

  it('is louder about a crash loop', () => {
    expect(shown({ kind: 'crash_loop' })).toMatch(/^🚨 🔴 Crash loop: shop-web-1\n🚨 Crash loop:/);
  });

  it('is louder when the engine has given up', () => {
    expect(shown({ kind: 'engine_gave_up' })).toMatch(/^🚨 🔴 Down for good: shop-web-1\n🚨 Down for good: the engine/);
  });

  it.each([
    ['recovered', '✅ Restarted, and it recovered (healthy after 12 s)'],
    ['failed', '❌ Restarted, but it did not recover (healthy after 12 s)'],
    ['unknown', '❔ Restarted; whether it recovered could not be seen'],
    ['error', '❌ It was to be restarted, but was not'],
    [undefined, '🔄 A restart is under way'],
  ] as const)('tells how a restart ended: %s', (outcome, words) => {
    expect(shown({ attempt: sampleAttempt({ outcome }) })).toContain(words);
  });

  it('tells why nothing was done', () => {
    const text = shown({ decision: { kind: 'notify', reason: 'auto_fix_off' } });
    expect(text).toContain('Nothing was done');
    expect(text).toContain('Why: AUTO_FIX is off; otherwise it would have been restarted.');
  });

  it('tells where the value of the policy came from that is why nothing was done', () => {
    const text = shown({
      decision: { kind: 'notify', reason: 'policy_never' },
      because: 'restart: never (file rule 2)',
    });
    expect(text).toContain('Why: its policy forbids restarts; restart: never (file rule 2).');
  });

  it('tells that the rules answered alone, and why', () => {
    const diagnosis = sampleDiagnosis({ tier: 'rules', model: undefined, fallback: 'daily_spend', costUsd: 0 });
    const text = shown({ diagnosis });
    expect(text).toContain('Built-in rules answered alone: the daily budget is spent.');
    expect(text).toContain('diagnosed by built-in rules');
    expect(shown()).not.toContain('Built-in rules');
  });

  it('tells that a setting gave the word to the rules, and calls that no guess', () => {
    const diagnosis = sampleDiagnosis({ tier: 'rules', model: undefined, fallback: undefined, costUsd: 0 });
    expect(shown({ diagnosis })).toContain('Built-in rules answered, as DIAGNOSE_WITH says');
    expect(shown({ diagnosis })).not.toContain('first guess');
  });

  it('shows no trace where there is none, and no empty excerpt', () => {
    const message = renderSlack(sampleAlert({ excerpt: [] }));
    expect(readable(message)).not.toContain('trace ');
    expect(JSON.stringify(message)).not.toContain('rich_text_preformatted');
  });

  it('is quiet about recurrence where it is not likely', () => {
    expect(shown({ diagnosis: sampleDiagnosis({ likelyRecurring: false }) })).not.toContain('Likely to recur');
  });

  it('keeps the newest lines of a long excerpt', () => {
    const text = shown({ excerpt: Array.from({ length: 200 }, (_, i) => `line ${i} `) });
    expect(text).toContain('line 199');
    expect(text).not.toContain('line 100 ');
  });

  it('shows hostile text as it is, and nothing of it works', () => {
    const evil = '<!channel> <@U012AB3CD> <http://evil.example|click> *x* & https://evil.example';
    const message = renderSlack(
      sampleAlert({ diagnosis: sampleDiagnosis({ rootCause: evil, configSuggestions: [evil] }), excerpt: [evil] }),
    );
    expect(JSON.stringify(message)).not.toMatch(/<[!@#h]/);
    expect(readable(message)).toContain(
      '&lt;!channel&gt; &lt;@U012AB3CD&gt; &lt;http://evil.example|click&gt; *x* &amp;',
    );
  });

  it('never passes a limit, never holds a mention or markup of others: whatever the alert is', () => {
    fc.assert(
      fc.property(arbitraryAlert, (alert) => {
        const message = renderSlack(alert);
        expect(problemsOf(message)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [90_000, undefined],
    [130_000, 'Late by 2 min'],
    [59.9 * 60_000, 'Late by 59 min'],
    [185 * 60_000, 'Late by 3 h 5 min'],
    [-3_600_000, undefined],
  ])('sent %d ms after it was written, it says how late it is: %s', (afterMs, words) => {
    const alert = sampleAlert();
    const message = renderSlack(alert, { now: alert.at + afterMs });
    if (words === undefined) expect(message).toEqual(renderSlack(alert));
    else {
      expect(message.text).toMatch(new RegExp(`^${words}: `));
      expect(readable(message)).toContain(`⏰ ${words}: `);
      expect(problemsOf(message)).toEqual([]);
    }
  });

  it('is about an incident, not about the clock: the same alert gives the same message', () => {
    const alert = sampleAlert({ at: NOON });
    expect(renderSlack(alert)).toEqual(renderSlack(alert));
  });
});
