import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import { renderSlack as renderAt, type SlackMessage } from '../../../src/notifiers/slack/message.ts';
import { renderSlackNotice } from '../../../src/notifiers/slack/notice.ts';
import { NOON, sampleAlert, sampleAttempt, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { arbitraryAlert } from '../arbitrary-alert.ts';
import { problemsOf } from './block-kit.ts';

/** Renders an alert that is sent immediately. */
const renderSlack = (alert: Alert) => renderAt(alert, alert.at);

interface Text {
  readonly type: string;
  readonly text: string;
}

/** All objects in the message that have a text. */
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

describe('a Slack message', () => {
  it('has all parts in this order', () => {
    const message = renderSlack(
      sampleAlert({
        incident: sampleIncident({
          trace: { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' },
        }),
        decision: { kind: 'restart', reason: 'restart_allowed' },
        attempt: sampleAttempt(),
      }),
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
 unless something is changed: a restart alone does not fix it.
✅ Restarted, and it recovered (healthy after 12 s)

Why: policy, diagnosis and facts allow a restart.
ERROR pool exhausted: 10 of 10 connections in use
    at Pool.acquire (pool.js:17:9)
diagnosed by claude-haiku-5-5
cost $0.0011
incident inc-1
trace 4bf92f3577b34da6a3ce929d0e0e4736`);
    expect(message.text).toMatch(/^🔴 shop-web-1: error in the log: The connection pool is exhausted/);
    expect(message).toMatchObject({ mrkdwn: false, parse: 'none', unfurl_links: false, unfurl_media: false });
  });

  it('has a time range that does not end before it begins if the lines were read a moment after they were printed', () => {
    const seen = (lastSeenAt: number, occurrences: number) =>
      shown({ incident: sampleIncident({ openedAt: NOON, lastSeenAt, occurrences }) });
    expect(seen(NOON - 1_000, 2)).toMatch(/^2 times, 2026-11-23 11:59:59 UTC$/m);
    expect(seen(NOON - 1_000, 1)).toMatch(/^once, 2026-11-23 11:59:59 UTC$/m);
    expect(seen(NOON + 1_000, 2)).toMatch(/^2 times, 2026-11-23 12:00:00 UTC to 2026-11-23 12:00:01 UTC$/m);
  });

  it('about a problem that the agent found an hour late says that it is old news', () => {
    const text = shown({
      incident: sampleIncident({ openedAt: NOON, lastSeenAt: NOON - 65 * 60_000, occurrences: 2 }),
    });
    expect(text).toMatch(/^🔴 shop-web-1: error in the log \(old news\)$/m);
    expect(text).toContain(
      '2 times, last at 2026-11-23 10:55:00 UTC. Old news: the agent could not read it until 1 h 5 min later',
    );
  });

  it('names the other containers that are affected, at most ten', () => {
    const members = Array.from({ length: 12 }, (_, i) => ({ container: `worker-${i + 1}`, occurrences: 41 - i }));
    expect(shown({ incident: sampleIncident({ members: members.slice(0, 2) }) })).toContain(
      '\nAlso affected\n\nworker-1 (41 errors), worker-2 (40)\n',
    );
    expect(shown({ incident: sampleIncident({ members }) })).toMatch(
      /\nAlso affected\n\nworker-1 \(41 errors\), .*worker-10 \(32\) and 2 more\n/,
    );
    expect(shown({ incident: sampleIncident({ members: [] }) })).not.toContain('Also');
  });

  it('names a host that cannot be reached, and the other containers that cannot reach it', () => {
    const incident = sampleIncident({
      cause: { kind: 'external', host: 'smtp.example.com:25' },
      members: [{ container: 'worker', occurrences: 1 }],
    });
    const message = renderSlack(sampleAlert({ incident }));
    expect(message.text).toMatch(/^🔴 shop-web-1 cannot reach smtp\.example\.com:25: /);
    expect(readable(message)).toMatch(/^🔴 shop-web-1 cannot reach smtp\.example\.com:25\n/);
    expect(readable(message)).toContain('\nAlso cannot reach it\n\nworker (1 error)\n');
  });

  it('says that the cause is not known', () => {
    const shownWith = (named?: string) => shown({ incident: sampleIncident({ cause: { kind: 'unknown', named } }) });
    expect(shownWith('<db>')).toContain(
      'The cause is not known: \n&lt;db&gt; could not be reached, but has no known problem.\n',
    );
    expect(shownWith()).toContain('a dependency could not be reached, but none has a known problem.');
    expect(shown()).not.toContain('cause is not known');
  });

  it('names the host of the container if it is known', () => {
    const { container } = sampleIncident();
    const incident = sampleIncident({ container: { ...container, host: 'node-7' } });
    const message = renderSlack(sampleAlert({ incident }));
    expect(readable(message)).toContain('*Host*\nnode-7');
    expect(problemsOf(message)).toEqual([]);
    expect(shown()).not.toContain('Host');
  });

  it.each([
    ['high', '🔴'],
    ['medium', '🟠'],
    ['low', '🟡'],
  ] as const)('shows %s severity as a colour in its header', (severity, dot) => {
    const [head] = renderSlack(sampleAlert({ diagnosis: sampleDiagnosis({ severity }) })).blocks;
    expect(readable({ blocks: [head] } as unknown as SlackMessage)).toContain(dot);
  });

  it('says that a repeated failure needs a person', () => {
    const text = shown({
      kind: 'repeated_failure',
      restartsLastHour: 3,
      decision: { kind: 'notify', reason: 'restart_limit' },
    });
    expect(text).toMatch(
      /^🚨 🔴 Repeated failure: shop-web-1\n🚨 Repeated failure: restarted 3 times in the last hour\. The restart limit is reached/,
    );
    expect(text).toContain('Why: this container has reached its restart limit.');
  });

  it('says that a crash loop needs a person', () => {
    expect(shown({ kind: 'crash_loop' })).toMatch(/^🚨 🔴 Crash loop: shop-web-1\n🚨 Crash loop:/);
  });

  it('says that the engine has given up', () => {
    expect(shown({ kind: 'engine_gave_up' })).toMatch(/^🚨 🔴 Down for good: shop-web-1\n🚨 Down for good: the engine/);
  });

  it.each([
    ['recovered', '✅ Restarted, and it recovered (healthy after 12 s)'],
    ['failed', '❌ Restarted, but it did not recover (healthy after 12 s)'],
    ['unknown', '❔ Restarted; it is not known whether it recovered (healthy after 12 s)'],
    ['error', '❌ The restart failed (healthy after 12 s)'],
    [undefined, '🔄 A restart is in progress'],
  ] as const)('reports the outcome of a restart: %s', (outcome, expected) => {
    expect(shown({ attempt: sampleAttempt({ outcome }) })).toContain(expected);
  });

  it('says why nothing was done', () => {
    const text = shown({ decision: { kind: 'notify', reason: 'auto_fix_off' } });
    expect(text).toContain('Nothing was done');
    expect(text).toContain('Why: AUTO_FIX is off; otherwise it would have been restarted.');
  });

  it('names the policy value that prevented a restart, and its source', () => {
    const text = shown({
      decision: { kind: 'notify', reason: 'policy_never' },
      because: 'restart: never (file rule 2)',
    });
    expect(text).toContain('Why: its policy forbids restarts; restart: never (file rule 2).');
  });

  it('says why only the built-in rules made the diagnosis', () => {
    const diagnosis = sampleDiagnosis({ tier: 'rules', model: undefined, fallback: 'daily_spend', costUsd: 0 });
    const text = shown({ diagnosis });
    expect(text).toContain('Only the built-in rules made this diagnosis: the daily budget is spent.');
    expect(text).toContain('diagnosed by built-in rules');
    expect(shown()).not.toContain('built-in rules');
  });

  it('does not call the diagnosis a guess if DIAGNOSE_WITH chose the rules', () => {
    const diagnosis = sampleDiagnosis({ tier: 'rules', model: undefined, fallback: undefined, costUsd: 0 });
    expect(shown({ diagnosis })).toContain('The built-in rules made this diagnosis, as DIAGNOSE_WITH requires');
    expect(shown({ diagnosis })).not.toContain('first guess');
  });

  it('omits a missing trace and an empty excerpt', () => {
    const message = renderSlack(sampleAlert({ excerpt: [] }));
    expect(readable(message)).not.toContain('trace ');
    expect(JSON.stringify(message)).not.toContain('rich_text_preformatted');
  });

  it('does not mention recurrence if it is unlikely', () => {
    expect(shown({ diagnosis: sampleDiagnosis({ likelyRecurring: false }) })).not.toContain('Likely to recur');
  });

  it('shows the newest lines of a long excerpt', () => {
    const text = shown({ excerpt: Array.from({ length: 200 }, (_, i) => `line ${i} `) });
    expect(text).toContain('line 199');
    expect(text).not.toContain('line 100 ');
  });

  it('shows hostile text literally', () => {
    const evil = '<!channel> <@U012AB3CD> <http://evil.example|click> *x* & https://evil.example';
    const message = renderSlack(
      sampleAlert({ diagnosis: sampleDiagnosis({ rootCause: evil, configSuggestions: [evil] }), excerpt: [evil] }),
    );
    expect(JSON.stringify(message)).not.toMatch(/<[!@#h]/);
    expect(readable(message)).toContain(
      '&lt;!channel&gt; &lt;@U012AB3CD&gt; &lt;http://evil.example|click&gt; *x* &amp;',
    );
  });

  it('respects every limit of Slack and contains no active markup, for any alert', () => {
    fc.assert(
      fc.property(arbitraryAlert, (alert) => {
        const message = renderSlack(alert);
        expect(problemsOf(message)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('respects every limit of Slack even if all texts are too long', () => {
    const long = 'x'.repeat(5_000);
    const incident = sampleIncident({
      id: long,
      summary: long,
      trace: { traceId: long, spanId: long },
      cause: { kind: 'unknown', named: long },
      members: Array.from({ length: 20 }, () => ({ container: '&'.repeat(500), occurrences: 123_456 })),
    });
    const alert = sampleAlert({
      kind: 'repeated_failure',
      incident: { ...incident, container: { ...incident.container, host: long, name: long, image: long } },
      because: long,
      diagnosis: sampleDiagnosis({
        tier: 'rules',
        fallback: 'daily_spend',
        rootCause: long,
        suggestedFix: long,
        estimatedImpact: long,
        configSuggestions: Array.from({ length: 20 }, () => long),
      }),
      attempt: sampleAttempt({ detail: long }),
      excerpt: Array.from({ length: 50 }, () => long),
    });
    expect(problemsOf(renderAt(alert, alert.at + 3_600_000))).toEqual([]);
  });

  it.each([
    [90_000, undefined],
    [130_000, 'Late by 2 min'],
    [59.9 * 60_000, 'Late by 59 min'],
    [185 * 60_000, 'Late by 3 h 5 min'],
    [-3_600_000, undefined],
  ])('sent %d ms after the alert was made, says how late it is: %s', (afterMs, late) => {
    const alert = sampleAlert();
    const message = renderAt(alert, alert.at + afterMs);
    if (late === undefined) expect(message).toEqual(renderSlack(alert));
    else {
      expect(message.text).toMatch(new RegExp(`^${late}: `));
      expect(readable(message)).toContain(`⏰ ${late}: `);
      expect(problemsOf(message)).toEqual([]);
    }
  });
});

describe('a notice in Slack', () => {
  it('names the host, and shows its text literally', () => {
    const message = renderSlackNotice({ title: 'Store down', text: 'disk <full>', host: 'node-7' });
    expect(message.text).toBe('Store down (host node-7): disk &lt;full&gt;');
    expect(readable(message)).toBe('🩺 Store down\nWhat it means\n\ndisk &lt;full&gt;\nhost node-7');
    expect(problemsOf(message)).toEqual([]);
  });
});
