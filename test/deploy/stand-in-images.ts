/**
 * Images for `compose.yaml` on an engine that cannot pull any: that of the agent, made from this checkout, and one for
 * each other service. An image of the socket proxy that the engine has is used as it is.
 */
import { spawn } from 'node:child_process';
import { chmod, copyFile, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { REPOSITORY, readComposeFile, readRepositoryFile } from './compose-file.ts';
import { docker, dockerWithInput, exec } from './docker-cli.ts';
import { provideNodeImage } from './stand-in-node-image.ts';

export interface StandIns {
  /** Has Node and busybox. */
  readonly node: string;
  /** The image of each service; services that are not listed keep theirs. */
  readonly images: Readonly<Record<string, string>>;
  /** Whether Prometheus is the program itself, from this machine. */
  readonly hasPrometheus: boolean;
  remove(): Promise<void>;
}

/** The ports that the services of the profile `observability` publish. */
const WEB_PORTS = [3000, 4317, 4318, 9090, 9093, 16686];

export async function provideStandIns(prefix: string): Promise<StandIns> {
  const node = `${prefix}:node`;
  const build = `${prefix}:build`;
  const doctor = `${prefix}:doctor`;
  const proxy = `${prefix}:socket-proxy`;
  const web = `${prefix}:web`;
  const prometheus = `${prefix}:prometheus`;
  const folder = await mkdtemp(path.join(tmpdir(), 'doctor-images-'));
  const removeNode = await provideNodeImage(node);
  let hasPrometheus = false;
  try {
    await importBuildStage(build, folder);
    await buildDoctor(doctor, { node, build, folder });
    await buildProxy(proxy, { node, folder });
    await buildWeb(web, { node, folder });
    hasPrometheus = await buildPrometheus(prometheus, { node, folder });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const pulled = readComposeFile().services['socket-proxy']?.image as string;
  // On machines that reach registries, such as GitHub's.
  if (process.env.DOCTOR_TEST_PULL === 'true') await docker(['pull', '--quiet', pulled], 120_000);
  const isPulled = await docker(['image', 'inspect', pulled]).then(
    () => true,
    () => false,
  );
  const others = ['alertmanager', 'grafana', 'otel-collector', 'jaeger'];
  return {
    node,
    images: {
      doctor,
      ...(!isPulled && { 'socket-proxy': proxy }),
      prometheus: hasPrometheus ? prometheus : web,
      ...Object.fromEntries(others.map((name) => [name, web])),
    },
    hasPrometheus,
    async remove() {
      for (const name of [doctor, build, proxy, web, prometheus]) await docker(['image', 'rm', name]).catch(() => {});
      await removeNode();
    },
  };
}

/** What the first stage of the Dockerfile builds, with the packages of this checkout instead of `npm ci`. */
async function importBuildStage(name: string, folder: string): Promise<void> {
  const root = path.join(folder, 'build');
  const dist = path.join(root, 'dist');
  const run = (...args: readonly string[]) => exec(process.execPath, args, { cwd: REPOSITORY, deadlineMs: 120_000 });
  await run('scripts/build-web.ts', '--if-needed');
  await mkdir(dist, { recursive: true });
  await cp(path.join(REPOSITORY, 'dist/web'), path.join(dist, 'web'), { recursive: true });
  await run('scripts/bundle.ts', dist);
  const owner = ['--numeric-owner', '--owner=0', '--group=0', '--transform=s,^,app/,'];
  const tar = spawn('tar', ['-c', ...owner, '-C', root, 'dist'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await dockerWithInput(['import', '-', name], tar.stdout, 120_000);
}

interface BuildFrom {
  readonly node: string;
  readonly folder: string;
}

/** The last stage of the Dockerfile, unchanged. test/deploy/image.engine.test.ts builds all of it. */
async function buildDoctor(name: string, { node, build, folder }: BuildFrom & { build: string }): Promise<void> {
  const dockerfile = readRepositoryFile('Dockerfile');
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  const context = path.join(folder, 'doctor');
  await mkdir(context);
  for (const file of ['package.json', 'LICENSE']) await copyFile(path.join(REPOSITORY, file), path.join(context, file));
  await writeFile(path.join(context, 'Dockerfile'), `ARG NODE_IMAGE\nFROM ${build} AS build\n${lastStage}`);
  await docker(['build', '--quiet', '--build-arg', `NODE_IMAGE=${node}`, '--tag', name, context], 120_000);
}

async function buildProxy(name: string, { node, folder }: BuildFrom): Promise<void> {
  const context = path.join(folder, 'proxy');
  await mkdir(context);
  const program = 'stand-in-socket-proxy.ts';
  await copyFile(path.join(REPOSITORY, 'test/deploy', program), path.join(context, program));
  // A second Node would not fit into the memory of the container.
  await writeFile(path.join(context, 'healthcheck'), '#!/bin/sh\nexec wget -q -O /dev/null http://127.0.0.1:55555/\n');
  await chmod(path.join(context, 'healthcheck'), 0o755);
  await writeFile(
    path.join(context, 'Dockerfile'),
    [
      `FROM ${node}`,
      'WORKDIR /',
      `COPY ${program} healthcheck /`,
      `ENTRYPOINT ["node", "--max-old-space-size=24", "--max-semi-space-size=1", "/${program}"]`,
    ].join('\n'),
  );
  await docker(['build', '--quiet', '--tag', name, context], 60_000);
}

/** A web server on every port, whatever its arguments. */
async function buildWeb(name: string, { node, folder }: BuildFrom): Promise<void> {
  const context = path.join(folder, 'web');
  await mkdir(context);
  const serve = `for port in ${WEB_PORTS.join(' ')}; do httpd -p $port -h /www; done; exec sleep 3600`;
  await writeFile(path.join(context, 'index.html'), 'a stand-in\n');
  await writeFile(
    path.join(context, 'Dockerfile'),
    `FROM ${node}\nCOPY index.html /www/\nENTRYPOINT ${JSON.stringify(['sh', '-c', serve, '--'])}\n`,
  );
  await docker(['build', '--quiet', '--tag', name, context], 60_000);
}

/** Debian's Prometheus, which needs only the C library. Resolves to whether this machine has it. */
async function buildPrometheus(name: string, { node, folder }: BuildFrom): Promise<boolean> {
  const program = await exec('which', ['prometheus']).catch(() => undefined);
  if (program === undefined) return false;
  const context = path.join(folder, 'prometheus');
  await mkdir(context);
  await copyFile(program.stdout.trim(), path.join(context, 'prometheus'));
  await writeFile(path.join(context, 'Dockerfile'), `FROM ${node}\nCOPY prometheus /bin/\nENTRYPOINT ["prometheus"]\n`);
  await docker(['build', '--quiet', '--tag', name, context], 60_000);
  return true;
}
