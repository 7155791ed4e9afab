import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  renderAnswer,
  renderDetails,
  renderEvent,
  renderMessage,
  type Shown,
} from '../../../src/notifiers/slack-app/message.ts';
import type { AppMessage } from '../../../src/notifiers/slack-app/web-api.ts';
import { NOON, sampleAlert } from '../../support/samples.ts';
import { brokenRules } from '../../support/slack-rules.ts';
import { arbitraryAlert, hostileText } from '../arbitrary-alert.ts';
import { aRequest, JANE } from './support.ts';

const shown = (over: Partial<Shown> = {}): Shown => ({
  alert: sampleAlert(),
  times: 1,
  buttons: true,
  now: NOON + 20_000,
  ...over,
});

/** What Slack would reject, or would not show as plain text. */
function problemsOf({ text, blocks }: AppMessage): readonly string[] {
  const wire = JSON.parse(JSON.stringify(blocks));
  const active = [text, ...stringsOf(wire)].filter((each) => /[<>]|&(?!(?:amp|lt|gt);)/.test(each));
  const formatted = mrkdwnOf(wire).filter((each) => !/^\*[A-Z][a-z ]+\*$/.test(each));
  return [...brokenRules(wire), ...active, ...formatted, ...(text.length > 0 && text.length <= 500 ? [] : ['text'])];
}

describe('a message of the Slack app', () => {
  it('is within the limits of Slack and inert, whatever is in the alert, the request and the names of people', () => {
    const request = fc.record({
      state: fc.constantFrom('waiting', 'approved', 'denied', 'expired', 'withdrawn'),
      name: hostileText,
      who: fc.oneof(hostileText, fc.constant(JANE)),
      at: fc.oneof(fc.integer(), fc.double()),
    });
    fc.assert(
      fc.property(arbitraryAlert, fc.option(request), fc.boolean(), fc.nat(), (alert, asked, buttons, times) => {
        const message = renderMessage({
          alert,
          times,
          buttons,
          now: alert.at,
          request: asked
            ? aRequest({
                state: asked.state as 'waiting',
                containerName: asked.name,
                expiresAt: asked.at,
                answeredAt: asked.at,
                answeredBy: { via: 'slack', who: asked.who },
              })
            : undefined,
          snooze: asked && asked.at > 0 ? { who: asked.who, at: asked.at, until: asked.at } : undefined,
        });
        // The id of an incident is ours and never hostile; as the value of a button it is not shown.
        const { id } = alert.incident;
        const safe = JSON.parse(JSON.stringify(message).replaceAll(JSON.stringify(id), '"inc-1"'));
        expect(problemsOf(safe)).toEqual([]);
        expect(problemsOf(renderDetails(alert))).toEqual([]);
        expect(problemsOf(renderEvent(alert, times))).toEqual([]);
        expect(problemsOf(renderAnswer(alert.diagnosis.rootCause, () => true))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('does not offer to restart once the time for it has passed', () => {
    const request = aRequest({ expiresAt: NOON });
    const { blocks } = renderMessage(shown({ request }));
    expect(JSON.stringify(blocks)).toContain('Nobody decided about the restart');
    expect(blocks.some(({ type }) => type === 'actions')).toBe(false);
  });

  it('shows only those as people who may decide', () => {
    const answer = renderAnswer(`${JANE} answered it; U0OTHER0001 did not`, (word) => word === JANE);
    expect(JSON.stringify(answer.blocks)).toContain(`{"type":"user","user_id":"${JANE}"}`);
    expect(JSON.stringify(answer.blocks)).not.toContain('"user_id":"U0OTHER0001"');
  });
});

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(stringsOf);
}

function mrkdwnOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'type' in value && value.type === 'mrkdwn' && 'text' in value ? [String(value.text)] : [];
  return [...own, ...Object.values(value).flatMap(mrkdwnOf)];
}
