import { expect, it } from 'vitest';
import { summarize } from '../../../src/pipeline/notify/summary.ts';
import { sampleAlert, sampleIncident } from '../../support/samples.ts';
import { startTestApp, type TestApp } from './support.ts';

const NEVER = new AbortController().signal;

const floodOf = (count: number) =>
  summarize(
    'flood-1',
    Date.now(),
    Array.from({ length: count }, (_, i) => sampleAlert({ incident: sampleIncident({ id: `inc-${i}` }) })),
  );

const titles = ({ slack }: TestApp) => slack.shown().map(({ text }) => /^\d+ more problems/.exec(text)?.[0]);

it('the summary of a flood is edited by the next run of the agent too; another flood has another message', async () => {
  const first = await startTestApp();
  await first.receiver.sendSummary?.(floodOf(3), NEVER);
  const second = first.restarted();
  expect(await second.receiver.sendSummary?.(floodOf(5), NEVER)).toMatchObject({ kind: 'sent' });
  expect(titles(second)).toEqual(['5 more problems']);
  await second.restarted().receiver.sendSummary?.({ ...floodOf(4), id: 'flood-2' }, NEVER);
  expect(titles(second)).toEqual(['5 more problems', '4 more problems']);
});

it('the summary of a flood waits until it is known where its message is', async () => {
  const first = await startTestApp();
  await first.receiver.sendSummary?.(floodOf(3), NEVER);
  const second = first.restarted();
  second.records.failing = true;
  expect(await second.receiver.sendSummary?.(floodOf(5), NEVER)).toMatchObject({ kind: 'retry' });
  second.records.failing = false;
  await second.receiver.sendSummary?.(floodOf(5), NEVER);
  expect(titles(second)).toEqual(['5 more problems']);
});

it('the summary of a flood is one message also if its position cannot be stored', async () => {
  const { receiver, records, slack } = await startTestApp();
  await receiver.sendSummary?.(floodOf(3), NEVER);
  records.failing = true;
  await receiver.sendSummary?.({ ...floodOf(1), id: 'flood-2' }, NEVER);
  await receiver.sendSummary?.({ ...floodOf(2), id: 'flood-2' }, NEVER);
  expect(slack.shown()).toHaveLength(2);
});

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
