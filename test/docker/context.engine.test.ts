import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveContext } from '../../src/docker/context.ts';
import { createDockerEngine } from '../../src/docker/engine.ts';
import { adviseOnMissingSocket } from '../../src/docker/usual-sockets.ts';
import { describeEngine } from '../support/engine.ts';

let configDir: string;
beforeEach(() => {
  configDir = mkdtempSync(path.join(tmpdir(), 'cd-context-'));
});
afterEach(() => rmSync(configDir, { recursive: true, force: true }));

const folderOf = (kind: 'meta' | 'tls', name: string) =>
  path.join(configDir, 'contexts', kind, createHash('sha256').update(name).digest('hex'));

function addContext(name: string, docker: unknown): void {
  mkdirSync(folderOf('meta', name), { recursive: true });
  const meta = { Name: name, Metadata: {}, Endpoints: { docker } };
  writeFileSync(path.join(folderOf('meta', name), 'meta.json'), JSON.stringify(meta));
}

const setCurrent = (currentContext: string) =>
  writeFileSync(path.join(configDir, 'config.json'), JSON.stringify({ auths: {}, currentContext }));

describe('the Docker context', () => {
  it('is the default one without a configuration, without a current context, or by name', () => {
    expect(resolveContext({})).toBeUndefined();
    expect(resolveContext({ configDir })).toBeUndefined();
    writeFileSync(path.join(configDir, 'config.json'), '{"auths":{}}');
    expect(resolveContext({ configDir })).toBeUndefined();
    setCurrent('remote');
    expect(resolveContext({ configDir, context: 'default' })).toBeUndefined();
  });

  it('is the current one in config.json, unless DOCKER_CONTEXT names another', () => {
    addContext('rootless', { Host: 'unix:///run/user/1000/docker.sock', SkipTLSVerify: false });
    addContext('remote', { Host: 'tcp://10.0.0.5:2375', SkipTLSVerify: false });
    setCurrent('rootless');
    expect(resolveContext({ configDir })).toEqual({
      name: 'rootless',
      host: 'unix:///run/user/1000/docker.sock',
      tlsVerify: false,
    });
    expect(resolveContext({ configDir, context: 'remote' })?.host).toBe('tcp://10.0.0.5:2375');
  });

  it('does not matter if DOCKER_HOST is set', () => {
    setCurrent('missing');
    const engine = createDockerEngine({ host: 'unix:///tmp/d.sock', tlsVerify: false, configDir });
    expect(engine.address).toBe('unix:///tmp/d.sock');
    expect(() => createDockerEngine({ tlsVerify: false, configDir })).toThrow('does not exist');
  });

  it('has certificates, which are verified unless it says otherwise', () => {
    addContext('remote', { Host: 'tcp://10.0.0.5:2376', SkipTLSVerify: false });
    addContext('unverified', { Host: 'tcp://10.0.0.5:2376', SkipTLSVerify: true });
    for (const name of ['remote', 'unverified'])
      mkdirSync(path.join(folderOf('tls', name), 'docker'), { recursive: true });
    expect(resolveContext({ configDir, context: 'remote' })).toMatchObject({
      tlsVerify: true,
      certPath: path.join(folderOf('tls', 'remote'), 'docker'),
    });
    expect(resolveContext({ configDir, context: 'unverified' })).toMatchObject({ tlsVerify: false });
  });

  it.each<[string, () => string | undefined, RegExp]>([
    [
      'that does not exist',
      () => 'nowhere',
      /^DOCKER_CONTEXT "nowhere" does not exist: there is no .*meta\.json; set DOCKER_HOST/,
    ],
    [
      'that uses SSH',
      () => {
        addContext('far', { Host: 'ssh://me@far' });
        return 'far';
      },
      /^DOCKER_CONTEXT "far" uses ssh:\/\/me@far, which is not supported/,
    ],
    [
      'that is the current one and uses SSH',
      () => {
        addContext('far', { Host: 'ssh://me@far' });
        setCurrent('far');
        return undefined;
      },
      /^the current Docker context "far" \(.*config\.json\) uses ssh/,
    ],
    [
      'without a Docker endpoint',
      () => {
        addContext('cluster', undefined);
        return 'cluster';
      },
      /^DOCKER_CONTEXT "cluster" has no Docker endpoint/,
    ],
    [
      'that is not JSON',
      () => {
        addContext('broken', {});
        writeFileSync(path.join(folderOf('meta', 'broken'), 'meta.json'), '{');
        return 'broken';
      },
      /^DOCKER_CONTEXT "broken" cannot be read/,
    ],
    [
      'in a config.json that is not JSON',
      () => {
        writeFileSync(path.join(configDir, 'config.json'), '{');
        return undefined;
      },
      /^the current Docker context cannot be read from .*config\.json; set DOCKER_HOST/,
    ],
  ])('%s is refused, and the error names it', (_, setUp, message) => {
    const context = setUp();
    expect(() => createDockerEngine({ tlsVerify: false, configDir, context })).toThrow(message);
  });
});

describe('a context with certificates', () => {
  let server: Server;
  let clients: string[];

  beforeEach(async () => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: configDir, stdio: 'pipe' });
    const newKey = ['req', '-newkey', 'rsa:2048', '-nodes', '-x509', '-days', '2'];
    openssl(
      ...newKey,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
      '-keyout',
      'server.key',
      '-out',
      'server.pem',
    );
    openssl(...newKey, '-subj', '/CN=the-agent', '-keyout', 'client.key', '-out', 'client.pem');
    const read = (file: string) => readFileSync(path.join(configDir, file));
    clients = [];
    server = createServer(
      {
        key: read('server.key'),
        cert: read('server.pem'),
        ca: read('client.pem'),
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        clients.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN?.toString() ?? 'nobody');
        response.setHeader('Content-Type', 'application/json');
        response.end('[]');
      },
    );
    await new Promise<void>((resolve) => server.listen(0, resolve));
    const { port } = server.address() as AddressInfo;
    addContext('remote', { Host: `tcp://localhost:${port}`, SkipTLSVerify: false });
    mkdirSync(path.join(folderOf('tls', 'remote'), 'docker'), { recursive: true });
  });
  afterEach(() => server.close());

  const addCertificate = (from: string, to: string) =>
    writeFileSync(path.join(folderOf('tls', 'remote'), 'docker', to), readFileSync(path.join(configDir, from)));

  it('connects with its client certificate and verifies the engine with its CA', async () => {
    addCertificate('server.pem', 'ca.pem');
    addCertificate('client.pem', 'cert.pem');
    addCertificate('client.key', 'key.pem');
    const engine = createDockerEngine({ tlsVerify: false, configDir, context: 'remote' });
    expect(await engine.list()).toEqual([]);
    expect(clients).toEqual(['the-agent']);
    expect(engine.address).toMatch(/^tcp:\/\/localhost:\d+ \(Docker context "remote"\)$/);
  });

  it('connects without a client certificate if it has a CA only', async () => {
    addCertificate('server.pem', 'ca.pem');
    expect(await createDockerEngine({ tlsVerify: false, configDir, context: 'remote' }).list()).toEqual([]);
    expect(clients).toEqual(['nobody']);
  });

  it('does not connect to an engine whose certificate its CA has not signed', async () => {
    addCertificate('client.pem', 'ca.pem');
    const engine = createDockerEngine({ tlsVerify: false, configDir, context: 'remote' });
    await expect(engine.list()).rejects.toThrow('self-signed certificate');
  });
});

describeEngine('a context of the docker command', (dockerHost) => {
  it('is used', async () => {
    const docker = (...args: string[]) => execFileSync('docker', ['--config', configDir, ...args], { stdio: 'pipe' });
    docker('context', 'create', 'mine', '--docker', `host=${dockerHost}`);
    const env = process.env.DOCKER_HOST;
    delete process.env.DOCKER_HOST;
    try {
      docker('context', 'use', 'mine');
    } finally {
      if (env !== undefined) process.env.DOCKER_HOST = env;
    }
    const engine = createDockerEngine({ tlsVerify: false, configDir });
    expect(engine.address).toBe(`${dockerHost} (Docker context "mine")`);
    expect((await engine.ping()).engineVersion).not.toBe('');
  });
});

describe('a socket that does not exist', () => {
  const folders = { home: '/home/me', runtimeDir: '/run/user/1000' };

  it('is reported with the usual sockets that exist', () => {
    const there = new Set([
      '/run/user/1000/docker.sock',
      '/home/me/.docker/run/docker.sock',
      '/run/podman/podman.sock',
      '/run/user/1000/podman/podman.sock',
    ]);
    expect(adviseOnMissingSocket('/var/run/docker.sock', folders, (file) => there.has(file))).toBe(
      'there is no socket at /var/run/docker.sock, but there is ' +
        'unix:///run/user/1000/docker.sock (rootless Docker), ' +
        'unix:///home/me/.docker/run/docker.sock (Docker Desktop), ' +
        'unix:///run/podman/podman.sock (Podman), ' +
        'unix:///run/user/1000/podman/podman.sock (rootless Podman): set DOCKER_HOST to it',
    );
    expect(adviseOnMissingSocket('/var/run/docker.sock', {}, () => false)).toBe(
      'there is no socket at /var/run/docker.sock, nor at any usual place; is the engine running?',
    );
  });

  it('is reported in the error of a request, with those that exist', async () => {
    const runtimeDir = path.join(configDir, 'run');
    mkdirSync(path.join(runtimeDir, 'podman'), { recursive: true });
    writeFileSync(path.join(runtimeDir, 'podman/podman.sock'), '');
    const host = `unix://${configDir}/docker.sock`;
    const engine = createDockerEngine({ host, tlsVerify: false, runtimeDir });
    await expect(engine.list()).rejects.toMatchObject({
      reason: 'unreachable',
      message: expect.stringContaining(
        `unix://${runtimeDir}/podman/podman.sock (rootless Podman): set DOCKER_HOST to it`,
      ),
    });
  });
});
