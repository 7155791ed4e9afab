/** Runs `compose.yaml` with Docker Compose: a copy without the user's `.env`, in a project of its own. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../support/free-port.ts';
import { REPOSITORY } from './compose-file.ts';
import { docker, exec, findCompose } from './docker-cli.ts';

export interface ComposeRun {
  readonly project: string;
  /** The ports of this machine, by the names of their settings. */
  readonly ports: Readonly<Record<string, number>>;
  /** Where the agent's port is published. */
  readonly url: string;
  /** `docker compose config`, with and without the override of the images. */
  config(withOverride: boolean): Promise<{ readonly services: Readonly<Record<string, Record<string, unknown>>> }>;
  /** `docker compose up --detach`, with these lines in `.env`. */
  up(settings?: Readonly<Record<string, string>>): Promise<void>;
  compose(args: readonly string[], deadlineMs?: number): Promise<string>;
  containerOf(service: string): string;
  inspect(container: string): Promise<Inspected>;
  /** Both output streams. */
  logsOf(container: string): Promise<string>;
  /** Removes containers, networks and volumes of the project. */
  remove(): Promise<void>;
}

export interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly StartedAt: string;
    readonly OOMKilled: boolean;
    readonly Health?: { readonly Status: string };
  };
  readonly RestartCount: number;
  readonly Config: { readonly User: string; readonly Env: readonly string[] };
  readonly HostConfig: Readonly<Record<string, unknown>>;
  readonly Mounts: readonly { readonly Type: string; readonly Source: string; readonly Destination: string }[];
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string; readonly Gateway: string }>>;
  };
}

const PORT_SETTINGS = [
  'PORT',
  'PROMETHEUS_PORT',
  'ALERTMANAGER_PORT',
  'GRAFANA_PORT',
  'JAEGER_PORT',
  'OTLP_GRPC_PORT',
  'OTLP_HTTP_PORT',
];

export async function createComposeRun(
  project: string,
  options: {
    readonly dockerHost: string;
    readonly images: Readonly<Record<string, string>>;
    readonly profiles: readonly string[];
  },
): Promise<ComposeRun> {
  const folder = await mkdtemp(path.join(tmpdir(), 'doctor-compose-'));
  const inFolder = (name: string) => path.join(folder, 'project', name);
  await mkdir(inFolder(''));
  for (const name of ['compose.yaml', 'otel-collector.yaml', 'grafana']) {
    await cp(path.join(REPOSITORY, name), inFolder(name), { recursive: true });
  }
  const override = path.join(folder, 'images.yaml');
  const services = Object.fromEntries(Object.entries(options.images).map(([name, image]) => [name, { image }]));
  await writeFile(override, JSON.stringify({ services }));

  const ports: Record<string, number> = {};
  for (const name of PORT_SETTINGS) ports[name] = await freePort();
  const socket = /^unix:\/\/(.*)/.exec(options.dockerHost)?.[1];
  // Other tests and the developer have containers on this engine, which must not be restarted.
  const machine = {
    ...ports,
    TARGET_CONTAINERS: `${project}-*`,
    ...(socket !== undefined && { DOCKER_SOCKET: socket }),
  };
  const writeEnv = (settings: Readonly<Record<string, string>>) =>
    writeFile(
      inFolder('.env'),
      Object.entries({ ...machine, ...settings })
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
  await writeEnv({});

  const [program = 'docker', ...before] = (await findCompose()) ?? ['docker', 'compose'];
  const run = async (args: readonly string[], withOverride: boolean, deadlineMs: number) => {
    const files = [inFolder('compose.yaml'), ...(withOverride ? [override] : [])];
    const { stdout } = await exec(
      program,
      [
        ...before,
        ...['--project-name', project, '--project-directory', inFolder('')],
        ...files.flatMap((file) => ['--file', file]),
        ...options.profiles.flatMap((profile) => ['--profile', profile]),
        ...args,
      ],
      // Nothing of this machine's environment may be interpolated.
      { deadlineMs, env: { PATH: process.env.PATH, HOME: process.env.HOME, DOCKER_HOST: options.dockerHost } },
    );
    return stdout;
  };
  const compose: ComposeRun['compose'] = (args, deadlineMs = 60_000) => run(args, true, deadlineMs);

  return {
    project,
    ports,
    url: `http://127.0.0.1:${ports.PORT}`,
    config: async (withOverride) => JSON.parse(await run(['config', '--format', 'json'], withOverride, 30_000)),
    async up(settings = {}) {
      await writeEnv(settings);
      await compose(['up', '--detach', '--no-build', '--pull', 'never'], 120_000);
    },
    compose,
    containerOf: (service) => `${project}-${service}-1`,
    inspect: async (container) => JSON.parse((await docker(['inspect', container])).stdout)[0],
    async logsOf(container) {
      const { stdout, stderr } = await docker(['logs', container]);
      return `${stdout}${stderr}`;
    },
    async remove() {
      await compose(['down', '--volumes', '--remove-orphans', '--timeout', '3'], 90_000);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
