import { describe, expect, it } from 'vitest';
import { container, DAY, diagnosis, HOUR, incident, NOON, request } from '../../store/support.ts';
import { serveApi } from './support.ts';

describe('the incidents of the API', () => {
  it('come in pages that a cursor connects', async () => {
    const { store, get } = await serveApi();
    for (let i = 0; i < 5; i++) await store.saveIncident(incident({ id: `i${i}`, openedAt: NOON + i }));
    const ids: string[] = [];
    let path: string | null = '/incidents?limit=2';
    while (path !== null) {
      const page: Awaited<ReturnType<typeof get<'incidents'>>> = await get('incidents', path);
      expect(page.total).toBe(5);
      ids.push(...page.incidents.map(({ id }) => id));
      path = page.next_cursor === null ? null : `/incidents?limit=2&cursor=${page.next_cursor}`;
    }
    expect(ids).toEqual(['i4', 'i3', 'i2', 'i1', 'i0']);
  });

  it('are filtered, and name the host of the agent', async () => {
    const { store, get } = await serveApi();
    await store.saveIncident(incident({ id: 'a', container: container({ name: 'web', service: 'web' }) }));
    await store.saveIncident(incident({ id: 'b' }));
    await store.saveDiagnosis('a', diagnosis({ severity: 'high' }));
    const { incidents } = await get('incidents', '/incidents?severity=medium,high&container=web&cause=own&state=open');
    expect(incidents).toMatchObject([{ id: 'a', host: 'host-1', severity: 'high', cause: null }]);
  });

  it.each([
    ['state=broken', 'state is "broken"'],
    ['severity=high,huge', 'severity is "high,huge"'],
    ['limit=0', 'limit is "0"'],
    ['limit=201', 'limit is "201"'],
    ['from=yesterday', 'from is "yesterday"'],
    ['cursor=!!', 'cursor must be the next_cursor of a page'],
    ['container=a&container=b', 'container is ["a","b"]'],
  ])('refuse ?%s and say what is wrong', async (query, message) => {
    const { send } = await serveApi();
    const { status, body } = await send(`/incidents?${query}`);
    expect([status, body.error]).toEqual([400, expect.stringContaining(message)]);
  });

  it('answer 404 for an id that does not exist', async () => {
    const { send } = await serveApi();
    expect(await send('/incidents/nobody')).toMatchObject({ status: 404, body: { error: expect.any(String) } });
    expect((await send(`/incidents/${encodeURIComponent("' OR 1=1 --\0")}`)).status).toBe(404);
  });
});

describe('one incident of the API', () => {
  it('links to its trace, and shows only the labels that configure the agent', async () => {
    const { store, get } = await serveApi({ traceUrl: 'https://traces.test/{trace_id}?x={trace_id}' });
    const labels = { 'container-doctor.restart': 'never', secret: 'value' };
    await store.saveIncident(incident({ container: container({ labels }) }));
    const read = await get('incident', '/incidents/incident-1');
    const trace = 't'.repeat(32);
    expect(read.trace).toEqual({ trace_id: trace, url: `https://traces.test/${trace}?x=${trace}` });
    expect(read.labels).toEqual({ 'container-doctor.restart': 'never' });
  });
});

describe('an incident that is being handled', () => {
  it('says what is waited for, in lists and on its own', async () => {
    const wait = { what: 'to see whether a dependency is the cause', until: NOON + 120_000 };
    const { store, get } = await serveApi({ waits: () => new Map([['incident-1', wait]]) });
    await store.saveIncident(incident());
    await store.saveIncident(incident({ id: 'other' }));
    const waits = { what: wait.what, until: new Date(wait.until).toISOString() };
    expect((await get('incident', '/incidents/incident-1')).waits).toEqual(waits);
    const { incidents } = await get('incidents');
    expect(incidents.map((each) => [each.id, each.waits])).toEqual([
      ['other', null],
      ['incident-1', waits],
    ]);
  });
});

describe('the cost of the API', () => {
  it('is split by day, by model and by service, and adds up', async () => {
    const { store, get } = await serveApi();
    await store.recordRequests([
      request({ at: NOON, costUsd: 0.25, model: 'small', containerName: 'api' }),
      request({ at: NOON + 1, costUsd: 0.5, model: 'strong', containerName: 'worker' }),
      request({ at: NOON - DAY, costUsd: 0.125, model: 'small', containerName: 'api' }),
    ]);
    const { cost } = await get('stats');
    expect(cost.total_usd).toBe(0.875);
    expect(cost.days).toEqual([
      {
        day: '2026-11-22',
        usd: 0.125,
        requests: 1,
        models: [{ model: 'small', usd: 0.125, requests: 1 }],
        services: [{ service: 'api', usd: 0.125, requests: 1 }],
      },
      {
        day: '2026-11-23',
        usd: 0.75,
        requests: 2,
        models: expect.arrayContaining([
          { model: 'small', usd: 0.25, requests: 1 },
          { model: 'strong', usd: 0.5, requests: 1 },
        ]),
        services: [
          { service: 'worker', usd: 0.5, requests: 1 },
          { service: 'api', usd: 0.25, requests: 1 },
        ],
      },
    ]);
    expect(cost.services).toEqual([
      { service: 'worker', usd: 0.5, requests: 1 },
      { service: 'api', usd: 0.375, requests: 2 },
    ]);
    expect(cost.models.map(({ model, usd, requests }) => [model, usd, requests])).toEqual([
      ['strong', 0.5, 1],
      ['small', 0.375, 2],
    ]);
  });
});

describe('the timeline of the API', () => {
  it('covers the last day, or the time that is asked for', async () => {
    const { store, get, send } = await serveApi();
    await store.saveIncident(incident());
    await store.saveDeployment({ at: NOON, container: container(), previousImage: 'old' });
    await store.saveAbsence({ kind: 'agent_stopped', from: NOON - HOUR, to: NOON });
    expect(await get('timeline')).toMatchObject({
      incidents: [{ id: 'incident-1' }],
      deployments: [{ previous_image: 'old' }],
      absences: [{ kind: 'agent_stopped' }],
      is_truncated: false,
    });
    expect((await get('timeline', '/timeline?to=2020-01-01T00:00:00Z')).incidents).toEqual([]);
    const { status, body } = await send('/timeline?from=2030-01-01T00:00:00Z');
    expect([status, body.error]).toEqual([400, expect.stringContaining('must be before to')]);
  });
});

describe('the containers of the API', () => {
  it('have their policy, the text of their habits, their snoozes and open incidents', async () => {
    const ref = container();
    const { store, get } = await serveApi({
      containers: () => [
        {
          ref,
          status: 'running',
          health: 'none',
          isWatched: true,
          policy: [],
          warnings: ['a label is invalid'],
          habits: [{ fingerprint: 'fp-1', perHour: 2.5, since: NOON }],
        },
      ],
    });
    await store.saveIncident(incident());
    await store.saveDiagnosis('incident-1', diagnosis());
    const by = { via: 'page', who: 'token' } as const;
    const service = { service: 'api', project: 'shop' };
    await store.saveSnooze({ id: 's', service, since: NOON, until: NOON + 9 * HOUR, by, heldBack: 3 });
    const { containers } = await get('containers');
    expect(containers).toMatchObject([
      {
        name: 'shop-api-1',
        open_incidents: ['incident-1'],
        habits: [{ text: 'connection pool exhausted', per_hour: 2.5 }],
        snoozes: [{ id: 's', held_back: 3 }],
      },
    ]);
  });
});

describe('the API', () => {
  it('names each route in metrics without ids', async () => {
    const { send, requests } = await serveApi();
    await send('/incidents/abc');
    await send('/nothing');
    expect(requests).toEqual(['/api/v1/incidents/:id', undefined]);
  });

  it('answers 405 with the allowed method', async () => {
    const { send } = await serveApi();
    const { status, headers } = await send('/incidents', { method: 'DELETE' });
    expect([status, headers.get('allow')]).toEqual([405, 'GET']);
  });

  it('requires the token, except for what a client may do', async () => {
    const { send, get } = await serveApi({ token: 'secret' });
    for (const path of ['/status', '/incidents', '/incidents/x', '/events', '/openapi.json']) {
      expect([path, (await send(path)).status]).toEqual([path, 401]);
    }
    expect((await send('/session')).body).toMatchObject({ can_act: false, can_sign_in: true, signed_in: false });
    expect(await get('status')).toMatchObject({ host: 'host-1' });
  });
});
