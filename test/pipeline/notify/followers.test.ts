import { describe, expect, it } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import { anAttempt } from '../../support/domain.ts';
import { eventually } from '../../support/eventually.ts';
import { sampleAlert, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { createService, type NotifyWorld, startNotifier } from './support.ts';

const incident = sampleIncident();

async function storeIncident({ store }: NotifyWorld): Promise<void> {
  await store.saveIncident(incident);
  await store.saveDiagnosis(incident.id, sampleDiagnosis());
  await store.saveDecision(incident.id, { kind: 'notify', reason: 'restart_not_safe' });
}

describe('a receiver that follows incidents', () => {
  const attempt = anAttempt();

  it('gets their progress in order, and others do not', async () => {
    const [app, webhook] = [createService('app', { follows: true }), createService('webhook')];
    const world = await startNotifier([app, webhook]);
    const kinds: [Alert['kind'], Partial<Alert>][] = [
      ['restarting', { attempt }],
      ['outcome', { attempt }],
      ['diagnosed', { attempt }],
    ];
    for (const [kind, over] of kinds) await world.notify(`i/${kind}`, { kind, incident, ...over });
    expect(app.accepted).toEqual(['i/restarting', 'i/outcome']);
    expect(webhook.accepted).toEqual(['i/diagnosed']);
  });

  it('gets an alert without a restart as all others do', async () => {
    const app = createService('app', { follows: true });
    const { notify } = await startNotifier([app]);
    await notify('i/diagnosed', { attempt: undefined });
    expect(app.accepted).toEqual(['i/diagnosed']);
  });

  it('gets the end of an incident once, if it has had an alert about it', async () => {
    const [app, pager] = [createService('app', { follows: true }), createService('pager', { follows: true })];
    const world = await startNotifier([app, Object.assign(pager, { minSeverity: 'high' as const })]);
    await storeIncident(world);
    await world.notify('i/diagnosed', { incident, severity: 'medium', attempt: undefined });
    await world.store.resolveIncident(incident.id, Date.now());
    await world.notifier.resolved(incident.id);
    await world.notifier.resolved(incident.id);
    await world.notifier.idle();
    expect(app.accepted).toEqual(['i/diagnosed', `${incident.id}/resolved/0`]);
    expect(app.messages.at(-1)).toMatchObject({ kind: 'resolved', incident: { id: incident.id, state: 'resolved' } });
    expect(pager.accepted).toEqual([]);
  });

  it('gets the outcome of a restart that it knows of even if the severity is lower by then', async () => {
    const app = Object.assign(createService('app', { follows: true }), { minSeverity: 'high' as const });
    const { notify } = await startNotifier([app]);
    await notify('i/restarting', { kind: 'restarting', incident, severity: 'high' });
    await notify('i/outcome', { kind: 'outcome', incident, severity: 'medium' });
    expect(app.accepted).toEqual(['i/restarting', 'i/outcome']);
  });

  it('gets the end that an earlier run of the agent stored but did not announce', async () => {
    const app = createService('app', { follows: true });
    const world = await startNotifier([app]);
    await storeIncident(world);
    await world.notify('i/diagnosed', { incident, attempt: undefined });
    await world.store.resolveIncident(incident.id, Date.now());
    void world.run();
    await eventually(() => (app.accepted.length === 2 ? true : undefined));
    expect(app.accepted).toEqual(['i/diagnosed', `${incident.id}/resolved/0`]);
    expect(await world.store.untoldResolutions()).toEqual([]);
  });
});

it('an alert is in the outbox, and its incident goes on, while a receiver hangs', async () => {
  const [hanging, pager] = [createService('hanging'), createService('pager')];
  hanging.hang();
  const { notifier, pending } = await startNotifier([hanging, pager]);
  await notifier.notify(sampleAlert({ id: 'a', at: Date.now() }), undefined);
  expect(await pending('hanging')).toBe(1);
  await eventually(() => (pager.accepted.length === 1 ? true : undefined));
  hanging.release();
});
