import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSimulatedEngine, type SimulatedEngine } from '../../src/demo/simulated-engine.ts';
import { parseDockerHost } from '../../src/docker/connection.ts';
import { createDockerEngine, type DockerEngine } from '../../src/docker/engine.ts';
import type { EngineReason } from '../../src/errors.ts';
import { createCuttingProxy } from '../support/proxy.ts';

describe('DOCKER_HOST', () => {
  it.each([
    [
      { host: undefined, tlsVerify: false },
      { kind: 'socket', socketPath: '/var/run/docker.sock' },
    ],
    [
      { host: 'unix:///tmp/d.sock', tlsVerify: false },
      { kind: 'socket', socketPath: '/tmp/d.sock' },
    ],
    [
      { host: 'tcp://proxy:2375', tlsVerify: false },
      { kind: 'tcp', hostname: 'proxy', port: 2375, tls: false },
    ],
    [
      { host: 'tcp://engine', tlsVerify: true },
      { kind: 'tcp', hostname: 'engine', port: 2376, tls: true },
    ],
    [
      { host: 'tcp://engine:1', tlsVerify: false, certPath: '/certs' },
      { kind: 'tcp', hostname: 'engine', port: 1, tls: true },
    ],
    [
      { host: 'https://engine:99', tlsVerify: false },
      { kind: 'tcp', hostname: 'engine', port: 99, tls: true },
    ],
  ])('%j is %j', (options, endpoint) => {
    expect(parseDockerHost(options)).toEqual(endpoint);
  });

  it.each(['ssh://host', 'npipe:////./pipe/docker', 'unix://relative', 'engine:2375', '/var/run/docker.sock'])(
    '%s is refused, and the error lists the allowed forms',
    (host) => {
      expect(() => createDockerEngine({ host, tlsVerify: false })).toThrow(/DOCKER_HOST.*allowed are unix:/);
    },
  );

  it('with unreadable certificates is refused, and the error names their setting', () => {
    const options = { host: 'tcp://engine:2376', tlsVerify: true, certPath: '/nowhere' };
    expect(() => createDockerEngine(options)).toThrow('DOCKER_CERT_PATH "/nowhere": ca.pem cannot be read');
  });
});

describe('the engine', () => {
  let folder: string;
  let simulated: SimulatedEngine;
  let dockerHost: string;
  let engine: DockerEngine;
  let requests: [string, EngineReason | undefined][];

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'cd-engine-'));
    simulated = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock') });
    dockerHost = await simulated.listen();
    requests = [];
    engine = withTimeout(60_000);
  });

  const withTimeout = (callTimeoutMs: number) =>
    createDockerEngine({
      host: dockerHost,
      tlsVerify: false,
      callTimeoutMs,
      onRequest: (operation, _ms, errorType) => void requests.push([operation, errorType]),
    });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await simulated.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('reports its version', async () => {
    expect(await engine.ping()).toEqual({ apiVersion: '1.41', engineVersion: '20.10.24-simulated', kind: 'docker' });
    expect(requests).toEqual([['ping', undefined]]);
  });

  it('is the one in the settings, not the one in the environment', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    vi.stubEnv('DOCKER_CLIENT_TIMEOUT', '1');
    const own = createDockerEngine({ host: dockerHost, tlsVerify: false });
    expect(await own.list()).toEqual([]);
  });

  it('tells labels of images from labels of containers, from a listing or an inspection', async () => {
    const imageLabels = { 'container-doctor.restart': 'auto', 'com.docker.compose.project': 'shop', tier: 'x' };
    const a = simulated.addContainer({ name: 'a', image: 'evil:1', imageLabels, labels: { tier: 'y' } });
    const b = simulated.addContainer({ name: 'b', image: 'evil:1', imageLabels });
    expect(engine.labelOriginOf(b.id)).toEqual({ kind: 'pending' });
    await engine.inspect(b.id);
    const fromImage = ['container-doctor.restart', 'com.docker.compose.project'];
    expect(engine.labelOriginOf(b.id)).toEqual({ kind: 'known', fromImage: new Set([...fromImage, 'tier']) });
    const listed = await engine.list();
    expect(engine.labelOriginOf(a.id)).toEqual({ kind: 'known', fromImage: new Set(fromImage) });
    expect(listed.map(({ ref }) => [ref.service, ref.project])).toEqual(expect.arrayContaining([['a', undefined]]));
    expect(simulated.requests.filter(({ operation }) => operation === 'image')).toHaveLength(1);
  });

  it('can be reached over TCP', async () => {
    const proxy = await createCuttingProxy(dockerHost);
    simulated.addContainer({ name: 'web' });
    const [listed] = await createDockerEngine({ host: proxy.dockerHost, tlsVerify: false }).list();
    expect(listed?.ref.name).toBe('web');
    await proxy.close();
  });

  it('returns the facts of a container', async () => {
    const web = simulated.addContainer({
      name: 'web',
      memoryLimit: 64_000_000,
      env: ['TOKEN=abcdef123', 'MODE=live'],
      restartPolicy: 'unless-stopped',
      restartDelayMs: 60_000,
      health: 'starting',
      stopTimeout: 3,
    });
    web.setHealth('unhealthy', 'connection refused');
    web.oom();
    expect(await engine.inspect(web.id)).toMatchObject({
      status: 'restarting',
      exitCode: 137,
      oomKilled: true,
      health: 'unhealthy',
      healthLog: [{ exitCode: 1, output: 'connection refused' }],
      memoryLimit: 64_000_000,
      restartPolicy: 'unless-stopped',
      stopTimeout: 3,
      environmentNames: ['TOKEN', 'MODE'],
      secretValues: ['abcdef123'],
    });
  });

  it('returns what a running container uses, and nothing of one that has ended or is gone', async () => {
    const web = simulated.addContainer({
      name: 'web',
      stats: { memory_stats: { usage: 300, stats: { inactive_file: 100 } }, pids_stats: { current: 4 } },
    });
    expect(await engine.stats(web.id)).toEqual({ memory: 200, pids: 4 });
    web.exit(1);
    expect(await engine.stats(web.id)).toBeUndefined();
    expect(await engine.stats('0'.repeat(64))).toBeUndefined();
    const asked = simulated.requests.find(({ operation }) => operation === 'stats');
    expect(asked?.query.get('one-shot')).toBe('true');
    expect(asked?.query.get('stream')).toBe('false');
  });

  it.each([false, true])(
    'returns the last lines of a container, also if they look like JSON (tty: %s)',
    async (tty) => {
      const web = simulated.addContainer({ name: 'web', tty });
      web.log('one\ntwo');
      web.log('{"level":"error"}', { stream: 'stderr' });
      expect((await engine.tailLogs(web.id, 2)).map(({ text }) => text)).toEqual(['two', '{"level":"error"}']);
      expect(await engine.tailLogs(web.id, 0)).toEqual([]);
    },
  );

  it('returns nothing for a container that does not exist', async () => {
    expect(await engine.inspect('f00')).toBeUndefined();
    expect(await engine.tailLogs('f00', 5)).toEqual([]);
    await expect(engine.restart('f00')).rejects.toMatchObject({ reason: 'not_found' });
  });

  it('returns nothing for a container that Podman removes during the request', async () => {
    const message = 'no container with ID f00 found in database: no such container';
    simulated.faults.respond('inspect', 500, message);
    simulated.faults.respond('logs', 500, message);
    expect(await engine.inspect('f00')).toBeUndefined();
    expect(await engine.tailLogs('f00', 5)).toEqual([]);
  });

  it.each<[number, EngineReason, boolean]>([
    [403, 'forbidden', false],
    [409, 'conflict', false],
    [500, 'server_error', true],
    [503, 'server_error', true],
    [400, 'protocol', false],
  ])('status %d rejects with the reason %s', async (status, reason, retryable) => {
    const web = simulated.addContainer({ name: 'web' });
    simulated.faults.respond('restart', status, 'because');
    await expect(engine.restart(web.id)).rejects.toMatchObject({
      name: 'EngineError',
      reason,
      retryable,
      message: expect.stringContaining(`HTTP ${status}: because`),
    });
    expect(requests).toEqual([['restart', reason]]);
  });

  it('that hangs makes calls and streams time out', async () => {
    for (const operation of ['list', 'events', 'logs'] as const) simulated.faults.hang(operation);
    const { signal } = new AbortController();
    const impatient = withTimeout(300);
    await expect(impatient.list()).rejects.toMatchObject({ reason: 'timeout' });
    const events = impatient.events({ since: 0, signal, onConnected() {}, onEvent() {} });
    await expect(events).rejects.toMatchObject({ reason: 'timeout' });
    await expect(impatient.followLogs('x', { from: 0, signal, onLines() {} })).rejects.toMatchObject({
      reason: 'timeout',
    });
  });

  it('keeps quiet streams open for longer than the timeout of a call', async () => {
    const web = simulated.addContainer({ name: 'web' });
    const stop = new AbortController();
    const texts: string[] = [];
    const following = withTimeout(1_500).followLogs(web.id, {
      from: 0,
      signal: stop.signal,
      onLines: (lines) => void texts.push(...lines.map(({ text }) => text)),
    });
    setTimeout(() => web.log('late'), 1_800);
    await vi.waitFor(() => expect(texts).toEqual(['late']), { timeout: 60_000 });
    stop.abort();
    await following;
  });

  it('that cannot be reached, or is not a Docker engine, is reported as such', async () => {
    await simulated.close();
    await expect(engine.list()).rejects.toMatchObject({ reason: 'unreachable' });
    const page = createServer((_request, response) => response.end('<html>hello</html>'));
    await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
    const { port } = page.address() as { port: number };
    const other = createDockerEngine({ host: `tcp://127.0.0.1:${port}`, tlsVerify: false });
    await expect(other.ping()).rejects.toMatchObject({ reason: 'protocol' });
    await expect(other.list()).rejects.toMatchObject({ reason: 'protocol' });
    page.close();
  });

  it('rejects an aborted call with the reason of the abort', async () => {
    simulated.faults.hang('inspect');
    const reason = new Error('shutting down');
    const giveUp = new AbortController();
    setTimeout(() => giveUp.abort(reason), 20);
    await expect(engine.inspect('x', giveUp.signal)).rejects.toBe(reason);
  });
});
