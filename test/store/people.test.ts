import { describe, expect, test } from 'vitest';
import type { Actor, Snooze } from '../../src/pipeline/ports/people.ts';
import { aRequest } from '../support/domain.ts';
import { attempt, DAY, HOUR, incident, NOON, onEveryEngine, open, SECOND } from './support.ts';

const JANE: Actor = { via: 'slack', who: 'U0JANE', from: '#ops' };
const JOE: Actor = { via: 'page', who: 'token' };
const MINUTE = 60 * SECOND;
const waiting = aRequest({ incidentId: 'incident-1', requestedAt: NOON, expiresAt: NOON + 15 * MINUTE });
const DENIED = { kind: 'notify', reason: 'denied_by_person' } as const;
const APPROVED = { kind: 'restart', reason: 'approved_by_person' } as const;
const HOLD: Snooze = {
  id: 'snooze-1',
  service: { service: 'web', project: 'shop' },
  fingerprint: 'f1',
  since: NOON,
  until: NOON + HOUR,
  by: JANE,
  heldBack: 0,
};

onEveryEngine(({ newLocation }) => {
  describe('a request for a restart', () => {
    test('waits until it is answered, also after a restart of the agent', async () => {
      const where = await newLocation();
      const first = await open(where);
      await first.saveRequest(waiting);
      await first.close();
      const store = await open(where);
      expect(await store.waitingRequests()).toStrictEqual([waiting]);
      expect(await store.findRequest(waiting.id)).toStrictEqual(waiting);
      expect(await store.findRequest('no such id')).toBeUndefined();
    });

    test('is answered once, by the first of many answers at the same time', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveRequest(waiting);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          store.endRequest(waiting.id, {
            state: n % 2 === 0 ? 'approved' : 'denied',
            at: NOON + n,
            by: { via: 'slack', who: `U${n}` },
            decision: n % 2 === 0 ? APPROVED : DENIED,
            audit: {
              id: `audit-${n}`,
              at: NOON + n,
              actor: JANE,
              action: 'approve',
              incidentId: 'incident-1',
              result: `${n}`,
            },
          }),
        ),
      );
      expect(answers.filter((won) => won)).toHaveLength(1);
      const won = answers.indexOf(true);
      expect(await store.requestsOf('incident-1')).toMatchObject([
        { answeredBy: { who: `U${won}` }, answeredAt: NOON + won },
      ]);
      expect((await store.auditOf('incident-1')).map(({ result }) => result)).toEqual([`${won}`]);
      expect(await store.waitingRequests()).toEqual([]);
    });

    test('that is approved makes its incident one to be handled, with the decision', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveDecision('incident-1', { kind: 'ask', reason: 'policy_ask' });
      await store.saveSettled('incident-1', NOON);
      await store.saveRequest(waiting);
      const end = { state: 'approved', at: NOON + 1, by: JANE, decision: APPROVED, reopens: true } as const;
      expect(await store.endRequest(waiting.id, end)).toBe(true);
      const [found] = await store.openCases();
      expect(found?.decision).toEqual(APPROVED);
      expect(found?.settledAt).toBeUndefined();
    });

    test('that is denied leaves its incident settled, with the decision', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident());
      await store.saveSettled('incident-1', NOON);
      await store.saveRequest(waiting);
      await store.endRequest(waiting.id, { state: 'denied', at: NOON + 1, by: JOE, decision: DENIED });
      expect(await store.openCases()).toMatchObject([{ decision: DENIED, settledAt: NOON }]);
      expect(await store.requestsOf('incident-1')).toMatchObject([{ state: 'denied', answeredBy: JOE }]);
    });

    test('cannot be answered after its time, but can expire then', async () => {
      const store = await open(await newLocation());
      await store.saveRequest(waiting);
      const late = { state: 'approved', at: waiting.expiresAt, by: JANE } as const;
      expect(await store.endRequest(waiting.id, late)).toBe(false);
      expect(await store.endRequest(waiting.id, { state: 'expired', at: waiting.expiresAt })).toBe(true);
      expect(await store.endRequest(waiting.id, { state: 'withdrawn', at: waiting.expiresAt })).toBe(false);
      expect((await store.findRequest(waiting.id))?.answeredBy).toBeUndefined();
    });
  });

  describe('a snooze', () => {
    test('is listed until its time is over, and is to be ended until its end was handled', async () => {
      const clock = { time: NOON };
      const store = await open(await newLocation(), { clock });
      await store.saveSnooze(HOLD);
      await store.saveSnooze({ ...HOLD, id: 'snooze-2', fingerprint: undefined, service: { service: 'web' }, by: JOE });
      await store.saveHeldBack([{ id: 'snooze-1', heldBack: 7 }]);
      expect(await store.snoozes()).toStrictEqual([
        { ...HOLD, heldBack: 7 },
        { id: 'snooze-2', service: { service: 'web' }, since: NOON, until: NOON + HOUR, by: JOE, heldBack: 0 },
      ]);
      clock.time = NOON + HOUR;
      expect(await store.snoozes()).toEqual([]);
      expect((await store.unendedSnoozes()).map(({ id }) => id)).toEqual(['snooze-1', 'snooze-2']);
      expect(await store.endSnooze('snooze-1', clock.time)).toBe(true);
      expect(await store.endSnooze('snooze-1', clock.time)).toBe(false);
      expect((await store.unendedSnoozes()).map(({ id }) => id)).toEqual(['snooze-2']);
    });
  });

  describe('the audit', () => {
    const entry = (id: string, over: object) => ({
      id,
      at: NOON,
      actor: JANE,
      action: 'snooze' as const,
      result: id,
      ...over,
    });

    test('of an incident has what was done to it, and the snoozes of its problem while it was open', async () => {
      const store = await open(await newLocation());
      const shown = incident({ openedAt: NOON });
      const { service, project } = shown.container;
      const ref = { service, ...(project !== undefined && { project }) };
      await store.saveIncident(shown);
      await store.saveAudit(entry('too early', { at: NOON - 1, service: ref }));
      await store.saveAudit(entry('service', { at: NOON + 1, service: ref }));
      await store.saveAudit(entry('problem', { at: NOON + 2, service: ref, fingerprint: shown.fingerprint }));
      await store.saveAudit(entry('another problem', { at: NOON + 3, service: ref, fingerprint: 'other' }));
      await store.saveAudit(entry('another service', { at: NOON + 4, service: { ...ref, service: 'other' } }));
      await store.saveAudit(entry('itself', { at: NOON + 5, action: 'approve', incidentId: shown.id, actor: JOE }));
      await store.saveAuditResult('itself', 'restarted: recovered');
      const entries = await store.auditOf(shown.id);
      expect(entries.map(({ result }) => result)).toEqual(['service', 'problem', 'restarted: recovered']);
      expect(entries.at(-1)).toStrictEqual({
        id: 'itself',
        at: NOON + 5,
        actor: JOE,
        action: 'approve',
        incidentId: shown.id,
        result: 'restarted: recovered',
      });
      expect((await store.recentAudit(2)).map(({ id }) => id)).toEqual(['another service', 'itself']);
    });

    test('keeps text that no database can hold', async () => {
      const store = await open(await newLocation());
      await store.saveAudit(entry('odd', { actor: { via: 'page', who: 'a\0b\ud800' }, incidentId: 'x' }));
      expect(await store.auditOf('x')).toMatchObject([{ actor: { who: 'a\uFFFDb\uFFFD' } }]);
    });
  });

  test('ended requests and snoozes and the audit are deleted after 90 days, open ones never', async () => {
    const clock = { time: NOON };
    const store = await open(await newLocation(), { clock });
    await store.saveRequest(waiting);
    await store.saveRequest(aRequest({ id: 'req-2', incidentId: 'incident-1', requestedAt: NOON, state: 'denied' }));
    await store.saveSnooze(HOLD);
    await store.saveSnooze({ ...HOLD, id: 'snooze-2' });
    await store.endSnooze('snooze-2', NOON);
    await store.saveAudit({ id: 'a', at: NOON, actor: JANE, action: 'deny', incidentId: 'incident-1', result: '' });
    clock.time = NOON + 90 * DAY + 1;
    await store.prune();
    expect((await store.requestsOf('incident-1')).map(({ id }) => id)).toEqual(['req-1']);
    expect((await store.unendedSnoozes()).map(({ id }) => id)).toEqual(['snooze-1']);
    expect(await store.recentAudit(9)).toEqual([]);
  });

  test('two agents do not see each other’s requests', async () => {
    const where = await newLocation();
    if (!('databaseUrl' in where)) return;
    const one = await open(where);
    const two = await open({ ...where, agent: 'host-2' });
    await one.saveRequest(waiting);
    expect(await two.waitingRequests()).toEqual([]);
    expect(await two.findRequest(waiting.id)).toBeUndefined();
    expect(await two.endRequest(waiting.id, { state: 'approved', at: NOON, by: JANE })).toBe(false);
  });

  test('the attempt of an approved request has its id, so there is only one', async () => {
    const store = await open(await newLocation());
    await store.beginAttempt(attempt({ id: waiting.id }));
    await store.beginAttempt(attempt({ id: waiting.id, startedAt: NOON + 1 }));
    expect(await store.countAttemptsSince(0)).toBe(1);
  });
});
