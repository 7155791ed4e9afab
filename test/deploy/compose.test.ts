import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { createHostCheck } from '../../src/http/own-hosts.ts';
import { readAllowList } from './allow-list.ts';
import {
  type ComposeFile,
  interpolate,
  REPOSITORY,
  readComposeFile,
  readRepositoryFile,
  type Service,
} from './compose-file.ts';
import { exec, findCompose } from './docker-cli.ts';

const compose = readComposeFile();
const services = Object.entries(compose.services);
const doctor = compose.services.doctor as NonNullable<ComposeFile['services'][string]>;
const proxy = compose.services['socket-proxy'] as NonNullable<ComposeFile['services'][string]>;
const composeProgram = await findCompose();

describe.skipIf(!composeProgram && process.env.CI !== 'true')('docker compose config', () => {
  const [program = 'docker', ...before] = composeProgram ?? ['docker', 'compose'];
  const config = (...profiles: string[]) =>
    exec(
      program,
      [
        ...before,
        ...['--project-directory', REPOSITORY, '--file', `${REPOSITORY}compose.yaml`, '--env-file', '/dev/null'],
        ...profiles.flatMap((profile) => ['--profile', profile]),
        ...['config', '--format', 'json'],
      ],
      { env: { PATH: process.env.PATH, HOME: process.env.HOME } },
    ).then(({ stdout }) => JSON.parse(stdout) as { services: Record<string, unknown> });

  it('accepts the file; without a profile it starts only the agent and its proxy', async () => {
    expect(Object.keys((await config()).services).sort()).toEqual(['doctor', 'socket-proxy']);
  });

  it.each([
    ['demo', ['demo-api', 'demo-db', 'demo-web']],
    ['observability', ['alertmanager', 'grafana', 'jaeger', 'otel-collector', 'prometheus']],
    ['local-model', ['ollama']],
  ])('accepts profile %s, which adds %j', async (profile, added) => {
    const { services: all } = await config(profile);
    expect(Object.keys(all).sort()).toEqual(['doctor', 'socket-proxy', ...added].sort());
  });

  it('accepts the compose file in the README', async () => {
    const [, snippet = ''] = /```yaml\n(services:[\s\S]*?)```/.exec(readRepositoryFile('README.md')) ?? [];
    const folder = await mkdtemp(path.join(tmpdir(), 'doctor-readme-'));
    await writeFile(path.join(folder, 'compose.yaml'), snippet);
    const { stdout } = await exec(program, [...before, '--project-directory', folder, 'config'], { cwd: folder });
    await rm(folder, { recursive: true });
    expect(stdout).toContain('/(none)');
  });

  it('accepts all profiles together', async () => {
    expect(Object.keys((await config('demo', 'observability', 'local-model')).services)).toHaveLength(services.length);
  });
});

describe('the README', () => {
  const readme = readRepositoryFile('README.md');
  const [, snippet = ''] = /```yaml\n(services:[\s\S]*?)```/.exec(readme) ?? [];
  const short = parse(snippet, { merge: true }) as ComposeFile;

  it('has a compose file that is as safe as compose.yaml, and allows the same requests', () => {
    expect(Object.keys(short.services)).toEqual(['doctor', 'socket-proxy']);
    for (const name of ['doctor', 'socket-proxy']) {
      const { cap_drop, security_opt, read_only, networks } = compose.services[name] as Service;
      expect(short.services[name]).toMatchObject({ cap_drop, security_opt, read_only, networks });
      expect(short.services[name]?.mem_limit).toMatch(/^\d+m$/);
    }
    expect(short.networks.engine?.internal).toBe(true);
    expect(short.services.doctor?.ports).toEqual(['127.0.0.1:8080:8080']);
    expect(JSON.stringify(short.services.doctor)).not.toContain('docker.sock');
    const { image, command = [] } = short.services['socket-proxy'] as Service;
    expect(image).toBe(proxy.image);
    const healthCheck = ['-allowhealthcheck', '-shutdowngracetime=3'];
    expect([...command].sort()).toEqual((proxy.command ?? []).filter((each) => !healthCheck.includes(each)).sort());
    expect(loadConfig({ ...short.services.doctor?.environment, HOST: '0.0.0.0' })).toMatchObject({
      ok: true,
      warnings: [],
    });
  });

  it('has a command that runs the image without privileges, published on loopback, as docs/deployment.md', () => {
    const [command = ''] = /^docker run .*ghcr\.io.*$/m.exec(readme) ?? [];
    for (const flag of [
      '--read-only',
      '--cap-drop ALL',
      '--security-opt no-new-privileges',
      '--memory 256m',
      '-p 127.0.0.1:8080:8080',
    ]) {
      expect(command).toContain(flag);
      expect(readRepositoryFile('docs/deployment.md')).toContain(flag);
    }
    expect(command).not.toContain('--privileged');
  });
});

describe('the agent in compose', () => {
  it('has a read-only root, a small /tmp without executables, and a volume for its data', () => {
    expect(doctor.read_only).toBe(true);
    expect(doctor.tmpfs?.join()).toMatch(/^\/tmp:.*size=\d+m.*noexec/);
    expect(doctor.volumes).toEqual(['doctor-data:/data']);
    expect(compose.volumes).toHaveProperty('doctor-data');
  });

  it('gets a policy file as documented if the volume is uncommented', () => {
    const asWritten = readRepositoryFile('compose.yaml');
    const uncommented = parse(asWritten.replace('# - ./policy:', '- ./policy:')) as ComposeFile;
    const mount = './policy:/etc/container-doctor:ro';
    expect(uncommented.services.doctor?.volumes).toEqual(['doctor-data:/data', mount]);
    const setting = 'CONFIG_FILE=/etc/container-doctor/policy.yaml';
    expect(asWritten).toContain(setting);
    const documentation = readRepositoryFile('docs/deployment.md');
    expect(documentation).toContain(setting);
    expect(documentation).toContain(mount);
    // compose.yaml must not override it.
    expect(doctor.environment).not.toHaveProperty('CONFIG_FILE');
  });

  it('reaches the engine only through the proxy: no socket is mounted', () => {
    expect(doctor.environment?.DOCKER_HOST).toBe('tcp://socket-proxy:2375');
    expect(JSON.stringify(doctor)).not.toContain('docker.sock');
  });

  it('ignores an engine address and certificates from .env', () => {
    expect(doctor.environment).toMatchObject({ DOCKER_TLS_VERIFY: '', DOCKER_CERT_PATH: '', HOST: '0.0.0.0' });
  });

  it.each([
    ['127.0.0.1, so it does not warn', {}, '127.0.0.1', 0],
    ['the address that .env names, and warns if that is not loopback', { HTTP_PUBLISHED_ON: '0.0.0.0' }, '0.0.0.0', 1],
  ])('publishes its port on %s', (_, values, address, warnings) => {
    const environment = Object.fromEntries(
      Object.entries(doctor.environment ?? {}).map(([name, value]) => [name, interpolate(value, values)]),
    );
    expect(interpolate(doctor.ports?.join() ?? '', values)).toBe(`${address}:8080:8080`);
    const loaded = loadConfig(environment);
    expect(loaded.ok && loaded.warnings.length).toBe(warnings);
  });

  it.each<Record<string, string>>([{}, { ALLOWED_HOSTS: 'nas.lan' }])(
    'answers to the names of its service, and to those in .env: %j',
    (values) => {
      const environment = Object.fromEntries(
        Object.entries(doctor.environment ?? {}).map(([name, value]) => [name, interpolate(value, values)]),
      );
      const loaded = loadConfig(environment);
      if (!loaded.ok) throw new Error('invalid settings');
      const isOwn = createHostCheck(loaded.config.http.allowedHosts);
      const { scrape_configs } = parse(readRepositoryFile('grafana/prometheus/prometheus.yml'));
      const own = scrape_configs.find(({ job_name }: { job_name: string }) => job_name === 'container-doctor');
      for (const target of own.static_configs[0].targets) expect(isOwn(target)).toBe(true);
      expect(isOwn('container-doctor:8080')).toBe(true);
      expect(isOwn('nas.lan')).toBe('ALLOWED_HOSTS' in values);
      expect(isOwn('evil.example')).toBe(false);
    },
  );

  it('shares the internal network with the proxy only', () => {
    expect(compose.networks.engine?.internal).toBe(true);
    const members = services.filter(([, service]) => service.networks?.includes('engine')).map(([name]) => name);
    expect(members).toEqual(['doctor', 'socket-proxy']);
    expect(proxy.networks).toEqual(['engine']);
    expect(proxy.command).toContain('-allowfrom=doctor');
  });
});

describe('every service in compose', () => {
  const outsideDemo = services.filter(([, service]) => !service.profiles?.includes('demo'));

  it.each(services)('%s has a pinned image, a memory limit and rotated logs', (name, service) => {
    if (name !== 'doctor') expect(service.image).toMatch(/:v?\d+(\.\d+)*(-\w+)?(@sha256:[0-9a-f]{64})?$/);
    expect(service.mem_limit).toMatch(/^\d+m$/);
    expect(service.logging).toMatchObject({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } });
  });

  it.each(services)('%s is neither privileged nor in a namespace of the host', (_, service) => {
    expect(service).not.toHaveProperty('privileged');
    expect(service).not.toHaveProperty('network_mode');
    expect(service).not.toHaveProperty('pid');
    expect(service).not.toHaveProperty('cap_add');
  });

  it.each(services)('%s publishes its ports, if any, on loopback only', (_, service) => {
    for (const port of service.ports ?? []) expect(interpolate(port)).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it.each(outsideDemo)('%s has no capabilities and cannot gain privileges', (_, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
  });

  it.each(services.filter(([name]) => !['doctor', 'otel-collector'].includes(name)))(
    '%s has a health check',
    (_, service) => {
      expect(service.healthcheck?.test[0]).toBe('CMD');
    },
  );

  it.each(outsideDemo.filter(([name]) => name !== 'doctor'))('%s is not watched by the agent', (_, service) => {
    expect(service.labels?.['container-doctor.enable']).toBe('false');
  });
});

describe('the socket proxy allows', () => {
  const byDefault = readAllowList();
  const withRestarts = readAllowList({ SOCKET_PROXY_ALLOW_POST: 'restart' });
  const id = 'f'.repeat(64);

  it.each([
    '/version',
    '/info',
    '/events?since=1700000000.5&filters=%7B%7D',
    '/containers/json?all=1',
    `/containers/${id}/json`,
    `/containers/${id}/logs?follow=1&stdout=1`,
    `/containers/${id}/stats?stream=0`,
    '/containers/shop_api-1.blue/json',
    `/images/sha256:${id}/json`,
  ])('GET %s, with and without an API version', (path) => {
    expect(byDefault.allows('GET', path)).toBe(true);
    expect(byDefault.allows('GET', `/v1.41${path}`)).toBe(true);
  });

  it('a restart only if .env has SOCKET_PROXY_ALLOW_POST=restart', () => {
    expect(byDefault.allows('POST', `/containers/${id}/restart?t=10`)).toBe(false);
    expect(withRestarts.allows('POST', `/containers/${id}/restart?t=10`)).toBe(true);
    expect(withRestarts.allows('POST', `/v1.41/containers/${id}/restart`)).toBe(true);
  });

  it.each([
    ['GET', '/_ping'],
    ['GET', `/containers/${id}/top`],
    ['GET', '/images/json'],
    ['GET', '/images/sha256:abc/json'],
    ['GET', `/images/sha256:${id}/history`],
    ['GET', '/images/search'],
    ['GET', '/containers'],
    ['GET', '/containers/'],
    ['GET', '/containers//json'],
    ['GET', `/containers/${id}/export`],
    ['GET', `/containers/${id}/archive?path=/etc/shadow`],
    ['GET', `/containers/${id}/changes`],
    ['GET', `/containers/${id}/attach/ws`],
    ['GET', `/containers/${id}/logs/../export`],
    ['GET', '/containers/../json'],
    ['GET', '/containers/..%2f..%2fimages/json'],
    ['GET', '/v1.41/containers/json/../create'],
    ['GET', '/v1x41/version'],
    ['GET', '/v1.41/v1.41/version'],
    ['GET', '/versions'],
    ['GET', '/secrets'],
    ['GET', '/configs'],
    ['GET', '/volumes'],
    ['GET', '/swarm'],
    ['GET', '/system/df'],
    ['GET', '/images/x/json'],
    ['GET', '/x/version'],
    ['GET', '/exec/abc/json'],
    ['HEAD', '/_ping'],
    ['POST', '/containers/create'],
    ['POST', '/v1.41/containers/create'],
    ['POST', '/v1.41/containers/json/../create'],
    ['POST', `/containers/${id}/exec`],
    ['POST', `/containers/${id}/start`],
    ['POST', `/containers/${id}/stop`],
    ['POST', `/containers/${id}/kill`],
    ['POST', `/containers/${id}/update`],
    ['POST', `/containers/${id}/rename`],
    ['POST', `/containers/${id}/none/../exec`],
    ['POST', '/containers/prune'],
    ['POST', '/build'],
    ['POST', '/images/create'],
    ['POST', '/volumes/create'],
    ['PUT', `/containers/${id}/archive`],
    ['DELETE', `/containers/${id}`],
    ['DELETE', '/images/x'],
  ])('not %s %s, whether or not restarts are allowed', (method, path) => {
    expect(byDefault.allows(method, path)).toBe(false);
    expect(withRestarts.allows(method, path)).toBe(false);
  });
});

describe('the observability profile', () => {
  const prometheus = parse(readRepositoryFile('grafana/prometheus/prometheus.yml'));
  const collector = parse(readRepositoryFile('otel-collector.yaml'));

  it('trusts no web page in a browser on this machine', () => {
    // By default Prometheus answers every origin, Grafana every host name, and Alertmanager lets every page post.
    expect(compose.services.prometheus?.command).toContain('--web.cors.origin=none');
    expect(compose.services.grafana?.environment).toMatchObject({
      GF_SERVER_DOMAIN: '127.0.0.1',
      GF_SERVER_ENFORCE_DOMAIN: 'true',
    });
    expect(compose.services.alertmanager).not.toHaveProperty('ports');
  });

  it('scrapes the services under their names in compose', () => {
    const targets = prometheus.scrape_configs.flatMap((job: { static_configs: { targets: string[] }[] }) =>
      job.static_configs.flatMap((group) => group.targets),
    );
    expect(targets).toEqual(['doctor:8080', 'otel-collector:8888', 'alertmanager:9093', 'localhost:9090']);
    expect(prometheus.alerting.alertmanagers[0].static_configs[0].targets).toEqual(['alertmanager:9093']);
  });

  it('passes Prometheus the variable that its configuration refers to', () => {
    expect(prometheus.global.external_labels.runbook_base_url).toBe(`\${RUNBOOK_BASE_URL}`);
    expect(compose.services.prometheus?.environment).toHaveProperty('RUNBOOK_BASE_URL');
  });

  it('has collector pipelines that begin with the memory limit, end with batching, and use defined components', () => {
    for (const pipeline of Object.values<Record<string, string[]>>(collector.service.pipelines)) {
      expect(pipeline.processors).toEqual(['memory_limiter', 'batch']);
      for (const kind of ['receivers', 'processors', 'exporters']) {
        for (const name of pipeline[kind] as string[]) expect(collector[kind]).toHaveProperty(name);
      }
    }
    expect(collector.exporters['otlp_grpc/jaeger'].endpoint).toBe('jaeger:4317');
  });

  it("keeps Jaeger's traces on the volume and listens on the expected port", () => {
    const jaeger = parse(compose.configs.jaeger?.content ?? '');
    const { directories } = jaeger.extensions.jaeger_storage.backends.disk.badger;
    const volume = compose.services.jaeger?.volumes?.[0]?.split(':')[1];
    expect([directories.keys, directories.values]).toEqual([`${volume}/jaeger`, `${volume}/jaeger`]);
    expect(jaeger.receivers.otlp.protocols.grpc.endpoint).toBe('0.0.0.0:4317');
  });

  it('gives Grafana data sources with fixed uids, and dashboards that use no others', () => {
    const { datasources } = parse(readRepositoryFile('grafana/provisioning/datasources/datasources.yaml'));
    expect(datasources.map((source: { uid: string }) => source.uid)).toEqual(['prometheus', 'jaeger']);
    for (const board of ['overview.json', 'detail.json']) {
      const used = [...readRepositoryFile(`grafana/dashboards/${board}`).matchAll(/"uid": "([^"]+)"/g)]
        .map((match) => match[1] as string)
        .filter((uid) => !uid.startsWith('container-doctor'));
      for (const uid of used) expect([`\${datasource}`, `\${traces}`]).toContain(uid);
    }
  });
});
