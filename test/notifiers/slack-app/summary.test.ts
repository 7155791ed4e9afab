import { expect, it } from 'vitest';
import { summarize } from '../../../src/pipeline/notify/summary.ts';
import { sampleAlert, sampleIncident } from '../../support/samples.ts';
import { startTestApp } from './support.ts';

const NEVER = new AbortController().signal;

const floodOf = (count: number) =>
  summarize(
    'flood-1',
    Date.now(),
    Array.from({ length: count }, (_, i) => sampleAlert({ incident: sampleIncident({ id: `inc-${i}` }) })),
  );

it('the summary of a flood is one message, which is edited, and posted anew if somebody deleted it', async () => {
  const { receiver, text, slack, message } = await startTestApp();
  expect(receiver.updatesSummary).toBe(true);
  await receiver.sendSummary?.(floodOf(3), NEVER);
  expect(text()).toContain('3 more problems');
  expect(await receiver.sendSummary?.(floodOf(7), NEVER)).toMatchObject({ kind: 'sent' });
  expect(text()).toContain('7 more problems');
  expect(slack.shown()).toHaveLength(1);
  slack.deleteMessage(message().ts);
  await receiver.sendSummary?.(floodOf(8), NEVER);
  expect(text()).toContain('8 more problems');
  expect(slack.violations).toEqual([]);
});
