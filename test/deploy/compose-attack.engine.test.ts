/**
 * Starts compose.yaml as it is, with Docker Compose on a real engine, and attacks it: from containers of others on the
 * same engine, from a program on the host, from pages of other origins in a browser, with labels, images and log lines of
 * hostile containers, and from the agent itself as if it had been taken over.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeEngine, describeMissing } from '../support/engine.ts';
import { attackFromBrowser } from './attack-browser.ts';
import { attackFromContainers } from './attack-containers.ts';
import { attackOverTheNetwork } from './attack-network.ts';
import { Attacked, SERVICES } from './attacked.ts';
import { docker, findCompose } from './docker-cli.ts';

const MINUTE = 60_000;
// Each attack starts a program in a container, on a machine that may be busy.
vi.setConfig({ testTimeout: MINUTE });

const NAME = 'the compose set-up as it is shipped';

if ((await findCompose()) !== undefined) describeEngine(NAME, attackAll);
else describeMissing(NAME, 'Docker Compose', 'Docker Compose v2 is not installed');

function attackAll(dockerHost: string): void {
  const attacked = new Attacked();
  beforeAll(() => attacked.start(dockerHost), 6 * MINUTE);
  afterAll(() => attacked.close(), 3 * MINUTE);

  it('is the file of this repository: the override of the test changes names of images and nothing else', async () => {
    const [asShipped, asTested] = await Promise.all([attacked.run.config(false), attacked.run.config(true)]);
    const withoutImages = ({ services }: typeof asShipped) =>
      Object.fromEntries(Object.entries(services).map(([name, service]) => [name, { ...service, image: undefined }]));
    expect(withoutImages(asTested)).toEqual(withoutImages(asShipped));
    expect({ ...asTested, services: undefined }).toEqual({ ...asShipped, services: undefined });
    expect(Object.keys(asTested.services).sort()).toEqual([...SERVICES].sort());
  });

  it('works: the proxy is healthy, and the agent reaches the engine through it and finds nothing refused', async () => {
    expect((await attacked.run.inspect(attacked.run.containerOf('socket-proxy'))).State.Health?.Status).toBe('healthy');
    const health = await attacked.get('/health');
    expect(health).toMatchObject({ status: 'healthy', docker_connected: true });
    const { stdout } = await docker(['exec', attacked.run.containerOf('doctor'), 'node', 'dist/main.js', 'check']);
    expect(stdout).not.toContain('PROBLEM');
    expect(await attacked.run.logsOf(attacked.run.containerOf('socket-proxy'))).not.toContain('blocked request');
  });

  it.each(SERVICES)('%s has no privileges, no capabilities and limited memory and processes', async (service) => {
    const { HostConfig, Mounts, RestartCount, State } = await attacked.run.inspect(attacked.run.containerOf(service));
    expect(HostConfig).toMatchObject({
      Privileged: false,
      CapAdd: null,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      PidMode: '',
      PidsLimit: 256,
    });
    expect(HostConfig.Memory).toBeGreaterThan(0);
    expect(HostConfig.Memory).toBeLessThanOrEqual(512 * 1024 * 1024);
    const sockets = Mounts.filter(({ Destination }) => Destination.endsWith('docker.sock'));
    expect(sockets).toHaveLength(service === 'socket-proxy' ? 1 : 0);
    expect([State.Status, State.OOMKilled, RestartCount]).toEqual(['running', false, 0]);
  });

  it('runs the agent as an ordinary user on a file system that it can write only in /data and /tmp', async () => {
    const { Config, HostConfig } = await attacked.run.inspect(attacked.run.containerOf('doctor'));
    expect([Config.User, HostConfig.ReadonlyRootfs]).toEqual(['node', true]);
    expect((await attacked.run.inspect(attacked.run.containerOf('socket-proxy'))).HostConfig.ReadonlyRootfs).toBe(true);
    const script = [
      'id -u; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status',
      'for place in /app/dist/main.js /etc/passwd /x /data/x /tmp/x; do (echo >> $place) 2> /dev/null && echo $place; done',
      'cp /bin/busybox /tmp/run && /tmp/run true 2> /dev/null && echo "runs programs in /tmp"; rm -f /data/x /tmp/x /tmp/run',
    ].join('; ');
    const { stdout } = await docker(['exec', attacked.run.containerOf('doctor'), 'sh', '-c', script]);
    const printed = stdout.trim().split('\n');
    expect(printed).toEqual(['1000', 'CapEff:\t0000000000000000', 'NoNewPrivs:\t1', '/data/x', '/tmp/x']);
  });

  it('publishes ports on the loopback address only, and none of the proxy or of Alertmanager', async () => {
    const published: Record<string, string[]> = {};
    for (const service of SERVICES) {
      const { Ports } = (await attacked.run.inspect(attacked.run.containerOf(service))).NetworkSettings;
      const bindings = Object.values(Ports).flatMap((each) => each ?? []);
      published[service] = bindings.map(({ HostIp }) => HostIp);
    }
    // Alertmanager lets every web page that is open in a browser create silences.
    expect(published).toEqual({
      doctor: ['127.0.0.1'],
      'socket-proxy': [],
      prometheus: ['127.0.0.1'],
      alertmanager: [],
      grafana: ['127.0.0.1'],
      'otel-collector': ['127.0.0.1', '127.0.0.1'],
      jaeger: ['127.0.0.1'],
    });
  });

  it('lets no web page read Prometheus', async (test) => {
    if (!attacked.standIns.hasPrometheus) test.skip('prometheus is not installed');
    const response = await attacked.soon(() =>
      fetch(`http://127.0.0.1:${attacked.run.ports.PROMETHEUS_PORT}/api/v1/query?query=up`, {
        headers: { Origin: 'http://evil.example' },
      }),
    );
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  describe('over the network', () => attackOverTheNetwork(attacked));
  describe('from a browser', () => attackFromBrowser(attacked));
  // Last, because it changes the settings: restarts are on, and a token is required.
  describe('with restarts and a token', () => attackFromContainers(attacked));
}
