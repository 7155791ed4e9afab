/** The receiver with the real Alertmanager. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkAlertmanager, createAlertmanager } from '../../../src/notifiers/alertmanager/api.ts';
import { describeWith, startProgram } from '../../observability/programs.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { type HttpStandIn, readBody, startHttpStandIn } from '../../support/http-stand-in.ts';
import { sampleAlert, sampleDiagnosis, sampleIncident } from '../../support/samples.ts';
import { createIncidentMemory } from '../memory.ts';

const NEVER = new AbortController().signal;
const MINUTE = 60_000;

interface Shown {
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

interface Notification {
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly { readonly status: string; readonly labels: Record<string, string> }[];
}

describeWith(['prometheus-alertmanager'], 'the real Alertmanager', (program) => {
  let url: string;
  let stop: () => Promise<void>;
  let chat: HttpStandIn;
  let notifications: Notification[];

  beforeEach(async () => {
    notifications = [];
    chat = await startHttpStandIn(async (request, response) => {
      notifications.push(JSON.parse(await readBody(request)));
      response.end();
    });
    const folder = mkdtempSync(path.join(tmpdir(), 'alertmanager-'));
    const config = path.join(folder, 'alertmanager.yml');
    writeFileSync(
      config,
      [
        'global: { resolve_timeout: 1s }',
        'route: { receiver: chat, group_by: [incident], group_wait: 0s, group_interval: 1s, repeat_interval: 1h }',
        `receivers: [{ name: chat, webhook_configs: [{ url: "${chat.url}", send_resolved: true }] }]`,
      ].join('\n'),
    );
    const address = `127.0.0.1:${await freePort()}`;
    ({ stop } = await startProgram(
      program as string,
      [
        `--config.file=${config}`,
        `--storage.path=${folder}/data`,
        `--web.listen-address=${address}`,
        '--web.route-prefix=/alerts',
        `--web.external-url=http://${address}/alerts`,
        '--cluster.listen-address=',
      ],
      { readyUrl: `http://${address}/alerts/-/ready`, folder },
    ));
    url = `http://${address}/alerts/`;
  });
  afterEach(async () => {
    await stop();
    await chat.close();
  });

  const shown = async (): Promise<readonly Shown[]> =>
    (await (await fetch(`${url}api/v2/alerts`)).json()) as readonly Shown[];

  function setUp() {
    const memory = createIncidentMemory();
    const clock = { time: Date.now() };
    const options = { url, memory, now: () => clock.time, publicUrl: 'https://doctor.test' };
    const receiver = createAlertmanager(options);
    const incident = sampleIncident({ openedAt: clock.time - 5_000, lastSeenAt: clock.time - 5_000 });
    return { memory, clock, receiver, incident, restarted: () => createAlertmanager(options) };
  }

  it('shows an incident with its labels and annotations, and a link', async () => {
    const { receiver, incident, clock } = setUp();
    const container = { ...incident.container, project: 'shop', host: 'node-7' };
    const alert = sampleAlert({ at: clock.time, incident: { ...incident, container } });
    expect(await receiver.send(alert, NEVER)).toEqual({ kind: 'sent', status: 200 });
    const [only] = await shown();
    expect(only?.labels).toEqual({
      alertname: 'ContainerErrors',
      severity: 'critical',
      container: container.name,
      service: container.service,
      project: 'shop',
      host: 'node-7',
      incident: incident.id,
    });
    expect(only?.annotations).toMatchObject({
      summary: expect.stringContaining(container.name),
      cause: expect.stringContaining('connection pool'),
      fix: expect.any(String),
      impact: expect.any(String),
      runbook: 'docs/runbooks/incidents.md#containererrors',
      links: `https://doctor.test/incidents/${incident.id}`,
    });
    expect(only?.generatorURL).toBe(`https://doctor.test/incidents/${incident.id}`);
    expect(only?.startsAt).toBe(new Date(incident.openedAt).toISOString());
  });

  it('keeps an incident while it is repeated, also by another run of the agent, and resolves it at its end', async () => {
    const { receiver, incident, clock, memory, restarted } = setUp();
    await receiver.send(sampleAlert({ at: clock.time, incident }), NEVER);
    const endOf = async () => Date.parse((await shown())[0]?.endsAt ?? '') - clock.time;
    expect(await endOf()).toBeGreaterThan(2 * (receiver.repeat?.everyMs ?? 0));
    clock.time += 4 * MINUTE;
    expect(await endOf()).toBeLessThanOrEqual(MINUTE);
    expect(await restarted().repeat?.send(NEVER)).toEqual({ kind: 'sent' });
    expect(await endOf()).toBeGreaterThan(2 * (receiver.repeat?.everyMs ?? 0));
    await eventually(() => (notifications.length > 0 ? true : undefined), { deadlineMs: 60_000 });

    clock.time = Date.now();
    memory.end(incident.id);
    await restarted().send(sampleAlert({ at: clock.time, kind: 'resolved', incident }), NEVER);
    await eventually(() => (notifications.at(-1)?.status === 'resolved' ? true : undefined), { deadlineMs: 60_000 });
    expect(await shown()).toEqual([]);
    expect(notifications.map(({ status }) => status)).toEqual(['firing', 'resolved']);
  });

  it('stays one alert while the incident changes, and one that becomes worse replaces the milder one', async () => {
    const { receiver, incident, clock } = setUp();
    const medium = sampleDiagnosis({ severity: 'medium' });
    await receiver.send(sampleAlert({ at: clock.time, incident, diagnosis: medium }), NEVER);
    await receiver.send(sampleAlert({ id: 'b', at: clock.time, incident, diagnosis: medium, kind: 'outcome' }), NEVER);
    expect(await shown()).toHaveLength(1);
    await receiver.send(sampleAlert({ id: 'c', at: clock.time, incident, kind: 'crash_loop' }), NEVER);
    const severities = async () => (await shown()).map(({ labels }) => labels.severity);
    await eventually(async () => ((await severities()).join() === 'critical' ? true : undefined));
  });

  it('shows a notice about the agent itself', async () => {
    const { receiver } = setUp();
    await receiver.sendNotice({ title: 'The store is down', text: 'The disk is full.', host: 'node-7' }, NEVER);
    expect(await shown()).toMatchObject([
      { labels: { alertname: 'ContainerDoctorNotice', notice: 'The store is down', host: 'node-7' } },
    ]);
  });

  it('is recognised by check, and a wrong address is explained', async () => {
    expect(await checkAlertmanager({ url })).toEqual({
      ok: true,
      detail: expect.stringMatching(/^Alertmanager [\d.]+\S* answers$/),
    });
    expect(await checkAlertmanager({ url: url.replace('/alerts/', '/elsewhere') })).toEqual({
      ok: false,
      why: 'Alertmanager answered 404: ALERTMANAGER_URL must be its address, without /api or /#/alerts',
    });
    expect(await checkAlertmanager({ url: `http://127.0.0.1:${await freePort()}` })).toEqual({
      ok: false,
      why: 'no connection to Alertmanager (ECONNREFUSED)',
    });
  });
});
