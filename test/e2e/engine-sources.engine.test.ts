/** The real agent on a real engine, behind a proxy that refuses some kinds of requests. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer } from '../support/claude-server.ts';
import { type Doctor, runCommand } from '../support/doctor.ts';
import { describeEngine, runContainer } from '../support/engine.ts';
import { eventually } from '../support/eventually.ts';
import { createFilteringProxy, type FilteringProxy } from '../support/proxy.ts';
import { SAFE, soon, startWorld, type World } from '../support/world.ts';

const LONG = 90_000;
const patient = { deadlineMs: 60_000, everyMs: 100 };

describeEngine('an engine behind a proxy', (dockerHost) => {
  const prefix = `cd-sources-${randomBytes(3).toString('hex')}`;
  let world: World;
  let proxy: FilteringProxy;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeEach(async () => {
    world = await startWorld(() => answer(SAFE));
    proxy = await createFilteringProxy(dockerHost);
    const container = await runContainer({ name: `${prefix}-web`, cmd: 'echo started; sleep 1000' });
    cleanups.push(container.remove);
  });

  afterEach(async () => {
    await world.close();
    await proxy.close();
    for (const cleanup of cleanups.splice(0)) await cleanup();
  });

  const settings = () => ({ DOCKER_HOST: proxy.dockerHost, TARGET_CONTAINERS: `${prefix}-*` });

  /** Notices only: the check command posts without a text. */
  const notices = () => world.slack.posts.map(({ text }) => text).filter((text) => text !== '');

  /** Waits until `/health` and the metric report these sources as refused, and no others. */
  const awaitRefused = (doctor: Doctor, requests: Readonly<Record<string, string>>) =>
    eventually(async () => {
      const { sources, problems } = await doctor.health();
      const refused = Object.entries(sources).filter(([, { state }]) => state === 'refused');
      expect(refused.map(([source, { status }]) => [source, status])).toEqual(
        Object.keys(requests).map((source) => [source, 403]),
      );
      for (const [source, request] of Object.entries(requests)) {
        expect(problems.join('\n')).toContain(`the engine refuses ${request} (HTTP 403)`);
        await expect.poll(() => doctor.metric('container_doctor_source_up', { source })).toBe(0);
      }
      await expect.poll(() => doctor.metric('container_doctor_source_up')).toBe(5 - Object.keys(requests).length);
      return true;
    }, patient);

  async function expectCheckNames(requests: Readonly<Record<string, string>>): Promise<void> {
    const { code, stdout } = await runCommand(['check'], world.environment(settings()));
    const problems = stdout.split('\n').filter((line) => line.startsWith('PROBLEM'));
    expect(problems).toEqual(
      Object.values(requests).map((request) => expect.stringContaining(`refuses ${request} (HTTP 403)`)),
    );
    expect(code).toBe(problems.length === 0 ? 0 : 1);
  }

  it(
    'that refuses requests: /health, the metric, a notice and `check` name them until they are granted again',
    async () => {
      proxy.refuse(/\/containers\/[^/]+\/(logs|json|restart)$/);
      const doctor = await world.start(settings());
      const perContainer = {
        logs: 'GET /containers/{id}/logs',
        inspect: 'GET /containers/{id}/json',
        restart: 'POST /containers/{id}/restart',
      };
      await awaitRefused(doctor, perContainer);
      expect((await fetch(`${doctor.url}/health`)).status).toBe(200);
      await expectCheckNames(perContainer);
      await eventually(() => (notices().length > 0 ? true : undefined), patient);
      for (const request of Object.values(perContainer)) expect(notices()[0]).toContain(request);

      proxy.refuse(undefined);
      await awaitRefused(doctor, {});
      await expectCheckNames({});
      await eventually(() => (notices().length > 1 ? true : undefined), patient);
      expect(notices()).toHaveLength(2);
      expect(notices()[1]).toContain('grants these requests again');
      await soon(async () => {
        await expect.poll(() => doctor.metric('container_doctor_log_lines_total')).toBe(1);
        return true;
      });

      for (const [source, path] of Object.entries({ list: '/containers/json', events: '/events' })) {
        proxy.refuse(new RegExp(`${path}$`));
        await awaitRefused(doctor, { [source]: `GET ${path}` });
        expect((await fetch(`${doctor.url}/health`)).status).toBe(503);
        await expectCheckNames({ [source]: `GET ${path}` });
        proxy.refuse(undefined);
        await awaitRefused(doctor, {});
      }
      await expect.poll(() => doctor.metric('container_doctor_restarts_total')).toBe(0);
    },
    LONG,
  );
});
