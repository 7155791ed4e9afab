import { describe, expect, it } from 'vitest';
import type { Severity } from '../../../src/domain/diagnosis.ts';
import { parseFilter } from '../../../src/pipeline/policy/filter.ts';
import { eventually } from '../../support/eventually.ts';
import { type sampleAlert, sampleIncident } from '../../support/samples.ts';
import { createService, startNotifier } from './support.ts';

describe('several receivers', () => {
  it('all get an alert, each of them once', async () => {
    const [slack, pager] = [createService('slack'), createService('pager')];
    const { notify } = await startNotifier([slack, pager]);
    await notify('alert-1');
    await notify('alert-1');
    expect([slack.accepted, pager.accepted]).toEqual([['alert-1'], ['alert-1']]);
  });

  it('do not delay each other: while one hangs or fails, the others get every alert at once', async () => {
    const [slack, pager, hanging] = [createService('slack'), createService('pager'), createService('hanging')];
    slack.answer = { kind: 'retry', why: 'it answered 500' };
    hanging.hang();
    const { notifier, notify, pending, count } = await startNotifier([slack, pager, hanging]);
    const notified = [notify('alert-1'), notify('alert-2'), notify('alert-3')];
    await eventually(async () => ((await pending('pager')) === 0 && pager.accepted.length > 0 ? true : undefined));
    await notify('alert-4');
    await notify('alert-5');
    await eventually(() => (pager.accepted.length === 5 ? true : undefined));
    expect(pager.accepted).toEqual(['alert-1', 'alert-2', 'alert-3', 'alert-4', 'alert-5']);
    expect(await pending('slack')).toBe(5);
    expect(await pending('hanging')).toBe(5);
    expect([count('slack', 'failed'), count('pager', 'sent')]).toEqual([1, 5]);
    expect(notifier.failure('slack')).toMatchObject({ why: 'it answered 500' });
    expect(notifier.failure('pager')).toBeUndefined();
    hanging.release();
    await Promise.all(notified);
  });

  it('get what waited for them, each at its own time', async () => {
    const [slack, pager] = [createService('slack'), createService('pager')];
    slack.answer = { kind: 'retry', why: 'down' };
    const { notify, pending, run } = await startNotifier([slack, pager]);
    await notify('alert-1');
    await notify('alert-2');
    expect([slack.accepted, pager.accepted]).toEqual([[], ['alert-1', 'alert-2']]);
    slack.answer = { kind: 'sent' };
    void run();
    await eventually(async () => ((await pending('slack')) === 0 ? true : undefined), { deadlineMs: 60_000 });
    expect([slack.accepted, pager.accepted]).toEqual([
      ['alert-1', 'alert-2'],
      ['alert-1', 'alert-2'],
    ]);
  });

  it('get an alert that could not be stored, each of them once, also after the store is back', async () => {
    const [slack, pager] = [createService('slack'), createService('pager')];
    slack.answer = { kind: 'retry', why: 'down' };
    const { outbox, notify, pending, run } = await startNotifier([slack, pager]);
    outbox.full = true;
    await notify('alert-1');
    expect([slack.accepted, pager.accepted]).toEqual([[], ['alert-1']]);
    outbox.full = false;
    void run();
    // Stored for both as soon as one has it: it survives the agent.
    await eventually(async () => ((await pending('slack')) === 1 ? true : undefined));
    slack.answer = { kind: 'sent' };
    await eventually(async () => ((await pending('slack')) === 0 ? true : undefined), { deadlineMs: 60_000 });
    expect([slack.accepted, pager.accepted]).toEqual([['alert-1'], ['alert-1']]);
  });

  it('all get notices about the agent itself', async () => {
    const [slack, pager] = [createService('slack'), createService('pager')];
    const { notifier, run } = await startNotifier([slack, pager], { hostName: 'node-7' });
    notifier.announce({ title: 'store down', text: 'the disk is full' });
    void run();
    await eventually(() => (slack.accepted.length === 1 && pager.accepted.length === 1 ? true : undefined));
    expect(slack.messages).toEqual([{ title: 'store down', text: 'the disk is full', host: 'node-7' }]);
  });
});

describe('the minimum severity of a receiver', () => {
  const sentWith = async (severity: Severity, options: { readonly hasOwnMinSeverity?: boolean } = {}) => {
    const [slack, pager] = [createService('slack'), createService('pager')];
    const { notify, pending } = await startNotifier(
      [Object.assign(slack, { minSeverity: 'low' as const }), Object.assign(pager, { minSeverity: 'high' as const })],
      options,
    );
    await notify('alert-1', { severity });
    expect(await pending('pager')).toBe(0);
    return [slack, pager].flatMap(({ receiver, accepted }) => (accepted.length > 0 ? receiver.name : []));
  };

  it('decides which receivers get an alert', async () => {
    expect(await sentWith('medium')).toEqual(['slack']);
    expect(await sentWith('high')).toEqual(['slack', 'pager']);
  });

  it('does not apply to a container whose policy sets its own', async () => {
    expect(await sentWith('medium', { hasOwnMinSeverity: true })).toEqual(['slack', 'pager']);
  });

  it('can leave an alert without a receiver; then nothing is stored or sent', async () => {
    const pager = Object.assign(createService('pager'), { minSeverity: 'high' as const });
    const { notify, pending, logger } = await startNotifier([pager]);
    await notify('alert-1', { severity: 'low' });
    expect([pager.accepted, await pending('pager')]).toEqual([[], 0]);
    expect(logger.records.map(({ message }) => message)).toContain(
      'no receiver takes alerts of this severity and container',
    );
  });
});

it('an alert names the host of the agent if it does not name one itself', async () => {
  const slack = createService('slack');
  const { notify } = await startNotifier([slack], { hostName: 'node-7' });
  const { container } = sampleIncident();
  await notify('alert-1');
  await notify('alert-2', { incident: sampleIncident({ container: { ...container, host: 'node-8' } }) });
  expect(slack.messages.map((message) => (message as ReturnType<typeof sampleAlert>).incident.container.host)).toEqual([
    'node-7',
    'node-8',
  ]);
});

it('a receiver with a filter gets the alerts of the containers that it selects', async () => {
  const [slack, pager] = [createService('slack'), createService('pager')];
  const only = parseFilter('project:billing');
  const { notify } = await startNotifier([Object.assign(slack, { only: undefined }), Object.assign(pager, { only })]);
  const { container } = sampleIncident();
  await notify('shop');
  await notify('billing', { incident: sampleIncident({ container: { ...container, project: 'billing' } }) });
  expect([slack.accepted, pager.accepted]).toEqual([['shop', 'billing'], ['billing']]);
});
