/** The API of the pages, on the real agent with the simulated engine: what it shows, and what people do through it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import type { Doctor } from '../support/doctor.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';
import { apiReader, readEvents, signIn } from './api-support.ts';

const TOKEN = 'token-of-the-page';
const SECRET = 'hunter2-not-for-the-page';
const MARKUP = '<script>alert(1)</script>';

let world: World;
let doctor: Doctor;
const api = () => apiReader(doctor.url, TOKEN);

const newest = async (container: string) => {
  const { incidents } = await api().get('incidents', `/incidents?container=${container}&limit=1`);
  return incidents[0];
};
const decided = (container: string) =>
  soon(async () => {
    const incident = await newest(container);
    return incident?.decision ? incident : undefined;
  });
const fail = (name: string, text: string) => world.engine.container(name)?.log(text, { stream: 'stderr' });

beforeAll(async () => {
  world = await startWorld(() => answer({ ...SAFE, root_cause: `It needs a restart ${MARKUP}` }));
  world.engine.addContainer({
    name: 'web',
    image: 'shop/web:1',
    health: 'healthy',
    env: [`DB_PASSWORD=${SECRET}`],
    labels: { 'container-doctor.max-restarts-per-hour': '5' },
  });
  world.engine.addContainer({
    name: 'asking',
    image: 'shop/asking:1',
    health: 'healthy',
    labels: { 'container-doctor.restart': 'ask' },
  });
  doctor = await world.start({
    HTTP_TOKEN: TOKEN,
    PUBLIC_URL: 'https://doctor.example.com/',
    TRACE_URL: 'https://traces.example.com/trace/{trace_id}',
  });
}, 60_000);
afterAll(() => world.close());

describe('the API', () => {
  it('shows everything that is known of an incident', async () => {
    const events = await readEvents(doctor.url, TOKEN);
    fail('web', `ERROR cannot serve: deadlock in the worker pool of ${SECRET} ${MARKUP}`);
    await soon(async () => {
      const incident = await newest('web');
      if (incident?.outcome !== 'recovered') throw new Error(JSON.stringify(incident));
      return true;
    });
    const { id } = await decided('web');
    const incident = await soon(async () => {
      const read = await api().get('incident', `/incidents/${id}`);
      return read.alerts.some(({ state }) => state === 'sent') ? read : undefined;
    });

    expect(incident).toMatchObject({
      container: 'web',
      severity: 'high',
      tier: 'claude',
      root_cause: `It needs a restart ${MARKUP}`,
      decision: { kind: 'restart', reason: 'restart_allowed' },
      outcome: 'recovered',
      labels: { 'container-doctor.max-restarts-per-hour': '5' },
      attempts: [{ outcome: 'recovered', container: 'web' }],
      requests: [{ outcome: 'ok' }],
      alerts: [{ receiver: 'slack', kind: 'diagnosed', state: 'sent' }],
      trace: null,
    });
    expect(incident.excerpt.filter(({ is_evidence }) => is_evidence)).toHaveLength(1);
    expect(incident.signals).toHaveLength(1);
    expect(incident.facts).toMatchObject({ status: 'running', health: 'healthy' });
    expect(incident.cost_usd).toBeGreaterThan(0);
    const [decision] = incident.decisions;
    expect(decision?.gates.length).toBeGreaterThan(20);
    expect(decision?.gates.find(({ name }) => name === 'restart_limit')).toMatchObject({
      state: 'open',
      value: '0 in the last hour, max-restarts-per-hour: 5 (label container-doctor.max-restarts-per-hour)',
    });
    expect(incident.questions).toHaveLength(1);
    expect(incident.questions[0]?.text).toContain('the worker pool of ‹secret:1›');
    expect(JSON.stringify(incident)).not.toContain(SECRET);
    expect(JSON.stringify(world.slack.posts)).toContain(`https://doctor.example.com/incidents/${id}`);

    // Frames name what changed, and a reader that was away gets what it missed.
    await soon(async () =>
      events.frames.some(({ event, data }) => event === 'changed' && data.incidents.includes(id)) ? true : undefined,
    );
    const [first] = events.frames;
    events.close();
    const resumed = await readEvents(doctor.url, TOKEN, first?.id);
    await soon(async () => (resumed.frames.length > 0 ? true : undefined));
    expect(resumed.frames[0]).toMatchObject({ event: 'changed' });
    expect(resumed.frames[0]?.data.incidents).toContain(id);
    resumed.close();
    const stranger = await readEvents(doctor.url, TOKEN, 'aaaaaaaaaaaa-7');
    await soon(async () => (stranger.frames.length > 0 ? true : undefined));
    expect(stranger.frames[0]).toMatchObject({ event: 'reset' });
    stranger.close();
  });

  it('answers every reading endpoint by its schema', async () => {
    const status = await api().get('status');
    expect(status).toMatchObject({ status: 'healthy', watching: ['asking', 'web'], trace_url: expect.any(String) });
    const { containers } = await api().get('containers');
    expect(containers.map(({ name }) => name)).toEqual(['asking', 'web']);
    expect(containers[0]?.policy.find(({ setting }) => setting === 'restart')).toMatchObject({
      value: 'ask',
      source: { kind: 'label', text: 'label container-doctor.restart' },
    });
    expect((await api().get('timeline')).restarts).toHaveLength(1);
    expect((await api().get('stats')).fixes.overall).toMatchObject({ restarted: 1, recovered: 1 });
    expect((await api().get('graph')).containers).toHaveLength(2);
    expect(await api().get('waiting')).toEqual({ restart_requests: [], snoozes: [] });
    expect(await api().get('session')).toMatchObject({ can_act: true, signed_in: false });
  });

  it('lets a person approve a waiting restart, judge it, snooze, and ask again, and shows who did what', async () => {
    const browser = await signIn(doctor.url, TOKEN);
    fail('asking', 'ERROR the queue is stuck');
    const { id } = await decided('asking');
    const request = await soon(async () => (await api().get('waiting')).restart_requests[0]);
    expect(request).toMatchObject({ container: 'asking', incident_id: id, state: 'waiting' });

    expect(await browser.post(`/restart-requests/${request.id}/approve`)).toMatchObject({
      status: 200,
      body: { result: 'done' },
    });
    await soon(async () => ((await newest('asking'))?.outcome === 'recovered' ? true : undefined));
    expect(await browser.post(`/restart-requests/${request.id}/approve`)).toMatchObject({
      status: 409,
      body: { result: 'refused', text: expect.any(String) },
    });
    expect(await browser.post(`/incidents/${id}/verdict`, { verdict: 'right', note: 'thank you' })).toMatchObject({
      status: 200,
    });
    expect(await browser.post('/snoozes', { incident_id: id, for_seconds: 3600 })).toMatchObject({ status: 200 });
    const { snoozes } = await api().get('waiting');
    expect(snoozes).toMatchObject([{ service: 'asking', by: { via: 'page', who: 'token' } }]);
    expect(await browser.post(`/snoozes/${snoozes[0]?.id}/end`)).toMatchObject({ status: 200 });
    // It has recovered: there is nothing to ask about.
    expect((await browser.post(`/incidents/${id}/ask-again`)).status).toBe(409);

    const incident = await api().get('incident', `/incidents/${id}`);
    expect(incident).toMatchObject({ verdict: 'right', note: 'thank you', outcome: 'recovered' });
    expect(incident.restart_requests).toMatchObject([{ state: 'approved', answered_by: { via: 'page' } }]);
    expect(incident.audit.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['approve', 'verdict', 'snooze', 'end_snooze', 'ask_again']),
    );
    expect(incident.audit.every(({ actor }) => actor.from !== null)).toBe(true);
    expect(incident.decisions.map(({ kind }) => kind)).toEqual(['ask', 'restart']);
    expect(incident.decisions[0]?.gates.filter(({ state }) => state === 'closed')).toMatchObject([
      { name: 'approval', reason: 'policy_ask' },
    ]);
  });
});
