import { describe, expect, test } from 'vitest';
import { decideWithGates } from '../../src/pipeline/decide/decide.ts';
import type { IncidentEvidence, IncidentFilter } from '../../src/pipeline/ports/pages.ts';
import { aRestartWith } from '../support/domain.ts';
import {
  alert,
  attempt,
  container,
  DAY,
  diagnosis,
  HOUR,
  incident,
  NOON,
  onEveryEngine,
  open,
  request,
  SECOND,
} from './support.ts';

const EVIDENCE: IncidentEvidence = {
  collectedAt: NOON,
  signals: [{ at: NOON, detector: 'log', patterns: ['error'], text: 'ERROR pool exhausted' }],
  excerpt: [
    { text: 'INFO ready', isEvidence: false },
    { text: 'ERROR pool exhausted', isEvidence: true },
  ],
  facts: { status: 'running', exit_code: 0 },
  engineEvents: [],
  changes: [],
};

describe('the store, for the pages,', () => {
  onEveryEngine(({ newLocation }) => {
    test('lists incidents newest first, in pages that overlap nowhere', async () => {
      const store = await open(await newLocation());
      for (let i = 0; i < 7; i++) {
        // Three of them were opened in the same millisecond.
        await store.saveIncident(incident({ id: `i${i}`, openedAt: NOON + (i < 3 ? 0 : i) }));
      }
      const ids: string[] = [];
      let after: { openedAt: number; id: string } | undefined;
      for (let page = 0; page < 4; page++) {
        const read = await store.incidentPage({}, { limit: 2, after });
        expect(read.total).toBe(7);
        ids.push(...read.incidents.map((one) => one.incident.id));
        const last = read.incidents.at(-1)?.incident;
        after = last && { openedAt: last.openedAt, id: last.id };
      }
      expect(ids).toEqual(['i6', 'i5', 'i4', 'i3', 'i2', 'i1', 'i0']);
    });

    test('filters incidents by each of their properties', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(
        incident({ id: 'root', container: container({ name: 'db', service: 'db', host: 'h1' }) }),
      );
      await store.saveIncident(
        incident({
          id: 'member',
          openedAt: NOON + HOUR,
          cause: { kind: 'incident', incidentId: 'root', evidence: 'network' },
        }),
      );
      await store.saveIncident(
        incident({ id: 'away', openedAt: NOON + 2 * HOUR, cause: { kind: 'external', host: 'x' } }),
      );
      await store.saveDiagnosis('root', diagnosis({ severity: 'high', rootCause: '50%_of the "disk" is\\gone' }));
      await store.saveDiagnosis('away', diagnosis({ severity: 'low' }));
      await store.resolveIncident('away', NOON + 3 * HOUR);

      const found = async (filter: IncidentFilter) =>
        (await store.incidentPage(filter, { limit: 10 })).incidents.map((one) => one.incident.id);
      expect(await found({ state: 'resolved' })).toEqual(['away']);
      expect(await found({ container: 'db' })).toEqual(['root']);
      expect(await found({ service: 'api', project: 'shop' })).toEqual(['away', 'member']);
      expect(await found({ project: 'other' })).toEqual([]);
      expect(await found({ host: 'h1' })).toEqual(['root']);
      expect(await found({ severities: ['high', 'medium'] })).toEqual(['root']);
      expect(await found({ cause: { kind: 'own' } })).toEqual(['root']);
      expect(await found({ cause: { kind: 'external' } })).toEqual(['away']);
      expect(await found({ cause: { kind: 'incident' } })).toEqual(['member']);
      expect(await found({ cause: { incidentId: 'root' } })).toEqual(['member']);
      expect(await found({ from: NOON + HOUR, to: NOON + 2 * HOUR })).toEqual(['member']);
      expect(await found({ search: '50%_OF THE "disk" is\\gone' })).toEqual(['root']);
      expect(await found({ search: '5_%' })).toEqual([]);
      expect(await found({ search: 'pool', severities: ['low'] })).toEqual(['away']);
    });

    test('has everything that was recorded while an incident was handled', async () => {
      const clock = { time: NOON };
      const store = await open(await newLocation(), { clock, receivers: ['slack', 'console'] });
      await store.saveIncident(incident());
      await store.saveEvidence('incident-1', { ...EVIDENCE, changes: ['older'] });
      await store.saveEvidence('incident-1', EVIDENCE);
      await store.saveQuestion({ incidentId: 'incident-1', at: NOON, model: 'm', strength: 'first', text: 'why?\0' });
      await store.recordRequests([request(), request({ at: NOON + 1, outcome: 'overloaded', costUsd: 0 })]);
      await store.saveDiagnosis('incident-1', diagnosis());
      const { decision, gates } = decideWithGates(aRestartWith({}));
      await store.saveDecision('incident-1', { ...decision, gates, because: 'restart: auto (default)' });
      clock.time += SECOND;
      await store.saveDecision('incident-1', { kind: 'notify', reason: 'restart_limit' });
      await store.beginAttempt(attempt());
      await store.enqueue(alert({ id: 'a', incident: incident() }), ['slack', 'console']);
      await store.markSent({ alertId: 'a', receiver: 'slack' }, NOON + 2);
      await store.markDropped({ alertId: 'a', receiver: 'console' }, NOON + 3, 'no terminal');
      // The outbox forgets an alert after a week.
      clock.time += 8 * DAY;
      await store.prune();

      const records = await store.incidentRecords('incident-1');
      expect(records.evidence).toEqual(EVIDENCE);
      expect(records.questions).toMatchObject([{ model: 'm', strength: 'first', text: 'why?\uFFFD' }]);
      expect(records.requests).toMatchObject([{ at: NOON }, { at: NOON + 1, outcome: 'overloaded' }]);
      expect(records.decisions).toEqual([
        { ...decision, at: NOON, gates: JSON.parse(JSON.stringify(gates)), because: 'restart: auto (default)' },
        { kind: 'notify', reason: 'restart_limit', at: NOON + SECOND, gates: [] },
      ]);
      expect(records.attempts).toEqual([attempt()]);
      expect(records.alerts).toMatchObject([
        { id: 'a', receiver: 'slack', state: 'sent', finishedAt: NOON + 2 },
        { id: 'a', receiver: 'console', state: 'dropped', error: 'no terminal' },
      ]);
      expect(await store.findIncident('incident-1')).toMatchObject({ costUsd: request().costUsd });
      expect(await store.findIncident('nobody')).toBeUndefined();
    });

    test('keeps only the newest decisions about an incident', async () => {
      const clock = { time: NOON };
      const store = await open(await newLocation(), { clock });
      await store.saveIncident(incident());
      for (let i = 0; i < 30; i++) {
        clock.time += SECOND;
        await store.saveDecision('incident-1', { kind: 'notify', reason: 'restart_limit' });
      }
      const { decisions } = await store.incidentRecords('incident-1');
      expect(decisions).toHaveLength(20);
      expect(decisions.at(-1)?.at).toBe(clock.time);
    });

    test('deletes the records of an incident with the incident', async () => {
      const clock = { time: NOON };
      const store = await open(await newLocation(), { clock });
      await store.saveIncident(incident());
      await store.saveEvidence('incident-1', EVIDENCE);
      await store.saveQuestion({ incidentId: 'incident-1', at: NOON, model: 'm', strength: 'first', text: 'why?' });
      await store.saveDecision('incident-1', { kind: 'notify', reason: 'restart_limit' });
      await store.enqueue(alert({ id: 'a', incident: incident() }), ['slack']);
      await store.markSent({ alertId: 'a', receiver: 'slack' }, NOON);
      await store.saveDeployment({ at: NOON, container: container() });
      await store.resolveIncident('incident-1', NOON);
      clock.time += 100 * DAY;
      await store.prune();
      expect(await store.incidentRecords('incident-1')).toEqual({
        decisions: [],
        questions: [],
        requests: [],
        attempts: [],
        alerts: [],
      });
      const timeline = await store.timeline({ from: 0, to: clock.time }, {}, 10);
      expect(timeline.deployments).toEqual([]);
    });

    test('knows which incidents belong together and which resemble each other', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident({ id: 'old', openedAt: NOON - DAY }));
      await store.saveIncident(incident({ id: 'other', openedAt: NOON - HOUR, fingerprint: 'fp-2' }));
      await store.saveIncident(incident({ id: 'root', container: container({ name: 'db', service: 'db' }) }));
      const member = incident({ id: 'm', cause: { kind: 'incident', incidentId: 'root', evidence: 'compose' } });
      await store.saveIncident(member);
      const ids = (listed: readonly { incident: { id: string } }[]) => listed.map((one) => one.incident.id);
      const related = await store.relatedIncidents(member);
      expect(related.cause?.incident.id).toBe('root');
      expect(ids(related.similar)).toEqual(['old', 'other']);
      expect(ids((await store.relatedIncidents(incident({ id: 'root' }))).members)).toEqual(['m']);
    });

    test('has a timeline of all that overlaps a time', async () => {
      const store = await open(await newLocation());
      await store.saveIncident(incident({ id: 'before', openedAt: NOON - 3 * HOUR }));
      await store.resolveIncident('before', NOON - 2 * HOUR);
      await store.saveIncident(incident({ id: 'into', openedAt: NOON - 3 * HOUR }));
      await store.resolveIncident('into', NOON + 1);
      await store.saveIncident(incident({ id: 'lasting', openedAt: NOON - 3 * HOUR }));
      await store.saveIncident(incident({ id: 'after', openedAt: NOON + 2 * HOUR }));
      await store.beginAttempt(attempt({ startedAt: NOON + 5 }));
      await store.saveDeployment({ at: NOON + 7, container: container(), previousImage: 'shop/api:1.3' });
      await store.saveDeployment({ at: NOON + 8, container: container() });
      await store.saveAbsence({ kind: 'agent_stopped', from: NOON - HOUR, to: NOON + 9 });
      await store.saveAbsence({ kind: 'engine_unreachable', from: NOON + 10 });
      const range = { from: NOON, to: NOON + HOUR };
      const timeline = await store.timeline(range, {}, 10);
      expect(timeline.incidents.map(({ id }) => id)).toEqual(['into', 'lasting']);
      expect(timeline.restarts).toHaveLength(1);
      expect(timeline.deployments).toMatchObject([
        { at: NOON + 7, container: { name: 'shop-api-1' }, previousImage: 'shop/api:1.3' },
      ]);
      expect(timeline.absences).toEqual([
        { kind: 'agent_stopped', from: NOON - HOUR, to: NOON + 9 },
        { kind: 'engine_unreachable', from: NOON + 10 },
      ]);
      await store.saveAbsence({ kind: 'engine_unreachable', from: NOON + 10, to: NOON + 20 });
      const later = await store.timeline(range, { service: 'other' }, 10);
      expect(later).toMatchObject({ incidents: [], restarts: [], deployments: [] });
      expect(later.absences.at(-1)).toMatchObject({ to: NOON + 20 });
    });

    test('counts fixes, questions and dollars of a time', async () => {
      const store = await open(await newLocation());
      for (const id of ['asked', 'known', 'ruled', 'member', 'early']) {
        const openedAt = id === 'early' ? NOON - DAY : NOON;
        const cause = { kind: 'incident', incidentId: 'asked', evidence: 'compose' } as const;
        await store.saveIncident(incident({ id, openedAt, ...(id === 'member' && { cause }) }));
      }
      await store.saveDiagnosis('asked', diagnosis());
      await store.saveDiagnosis('known', diagnosis({ tier: 'known', severity: 'low' }));
      await store.saveDiagnosis('ruled', diagnosis({ tier: 'rules', severity: 'medium' }));
      await store.saveDecision('asked', { kind: 'restart', reason: 'restart_allowed' });
      await store.saveDecision('known', { kind: 'notify', reason: 'auto_fix_off' });
      await store.saveDecision('ruled', { kind: 'record', reason: 'severity_too_low' });
      await store.beginAttempt(attempt({ incidentId: 'asked', startedAt: NOON + 1 }));
      await store.finishAttempt('attempt-1', { outcome: 'recovered', detail: '', finishedAt: NOON + 8 * SECOND });
      // Only the last restart of an incident counts as its result.
      await store.beginAttempt(attempt({ id: 'a0', incidentId: 'asked', startedAt: NOON }));
      await store.finishAttempt('a0', { outcome: 'failed', detail: '', finishedAt: NOON + 1 });
      await store.recordAsk({ at: NOON, incidentId: 'asked' });
      await store.recordRequests([
        request({ incidentId: 'asked', containerName: 'shop-api-1', at: NOON, costUsd: 0.25 }),
        request({ incidentId: 'gone', containerName: 'old', at: NOON + DAY, costUsd: 0.5, model: 'strong' }),
      ]);
      await store.saveVerdict('known', { verdict: 'right', at: NOON });

      const stats = await store.stats({ from: NOON, to: NOON + 2 * DAY });
      expect(stats).toMatchObject({
        bySeverity: { low: 1, medium: 1, high: 1 },
        undiagnosed: 1,
        open: 4,
        saved: { known: 1, local: 0, rules: 1, correlation: 1 },
        asked: 1,
        recoveryTimes: [8 * SECOND],
        spend: [
          { day: NOON - 12 * HOUR, model: request().model, usd: 0.25, requests: 1, inputTokens: 1_800 },
          { day: NOON + 12 * HOUR, model: 'strong', usd: 0.5, requests: 1 },
        ],
        services: [
          { day: NOON - 12 * HOUR, service: 'api', usd: 0.25 },
          { day: NOON + 12 * HOUR, service: 'old', usd: 0.5 },
        ],
      });
      expect(stats.cases).toHaveLength(2);
      expect(stats.cases).toEqual(
        expect.arrayContaining([
          { count: 1, service: 'api', project: 'shop', reason: 'restart_allowed', state: 'open', outcome: 'recovered' },
          { count: 1, service: 'api', project: 'shop', reason: 'auto_fix_off', state: 'open', verdict: 'right' },
        ]),
      );
    });
  });
});
