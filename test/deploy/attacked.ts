/** The running compose set-up that is attacked, and the attackers' containers. */
import { eventually } from '../support/eventually.ts';
import { type ComposeRun, createComposeRun } from './compose-run.ts';
import { docker } from './docker-cli.ts';
import { startNeighbour } from './neighbour.ts';
import { provideStandIns, type StandIns } from './stand-in-images.ts';

/** Also the services of a profile that many users start. */
export const SERVICES = [
  'doctor',
  'socket-proxy',
  'prometheus',
  'alertmanager',
  'grafana',
  'otel-collector',
  'jaeger',
] as const;

export class Attacked {
  readonly prefix = `cd-attack-${process.pid}`;
  /** On the default bridge, in the network of the agent, and without a network of its own. */
  readonly neighbours = {
    bridge: `${this.prefix}-bridge`,
    member: `${this.prefix}-member`,
    host: `${this.prefix}-host`,
  };
  /** Set for requests of the test itself, once the agent requires it. */
  token: string | undefined;
  readonly #containers: string[] = [];
  readonly #images: string[] = [];
  #standIns: StandIns | undefined;
  #run: ComposeRun | undefined;

  get standIns(): StandIns {
    return this.#standIns as StandIns;
  }
  get run(): ComposeRun {
    return this.#run as ComposeRun;
  }

  async start(dockerHost: string): Promise<void> {
    process.env.DOCKER_HOST = dockerHost;
    this.#standIns = await provideStandIns(this.prefix);
    const { images, node } = this.#standIns;
    this.#run = await createComposeRun(this.prefix, { dockerHost, images, profiles: ['observability'] });
    await this.#run.up();
    const { bridge, member, host } = this.neighbours;
    this.removeAtEnd(bridge, member, host);
    await Promise.all([
      startNeighbour(bridge, node, 'bridge'),
      startNeighbour(member, node, `${this.prefix}_default`),
      startNeighbour(host, node, 'host'),
    ]);
    await this.watches(bridge, member, host);
  }

  async close(): Promise<void> {
    if (this.#containers.length > 0) await docker(['rm', '--force', '--volumes', ...this.#containers]).catch(() => {});
    for (const image of this.#images) await docker(['image', 'rm', image]).catch(() => {});
    await this.#run?.remove();
    await this.#standIns?.remove();
  }

  removeImageAtEnd(image: string): void {
    this.#images.push(image);
  }

  removeAtEnd(...containers: readonly string[]): void {
    this.#containers.push(...containers);
  }

  /** A page of the agent, as a program on the host reads it. */
  async text(page: string): Promise<string> {
    const headers: Record<string, string> = this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    const response = await fetch(`${this.run.url}${page}`, { headers, signal: AbortSignal.timeout(60_000) });
    return response.text();
  }

  async get<T = unknown>(page: string): Promise<T> {
    return JSON.parse(await this.text(page));
  }

  soon<T>(probe: () => Promise<T | undefined>, deadlineMs = 60_000): Promise<T> {
    return eventually(probe, { deadlineMs, everyMs: 250 });
  }

  async watches(...names: readonly string[]): Promise<void> {
    await this.soon(async () => {
      const { monitoring } = await this.get<{ monitoring: readonly string[] }>('/health');
      return names.every((name) => monitoring.includes(name)) ? true : undefined;
    });
  }

  async addressOf(service: string, network: string): Promise<string> {
    const { Networks } = (await this.run.inspect(this.run.containerOf(service))).NetworkSettings;
    return Networks[`${this.prefix}_${network}`]?.IPAddress as string;
  }
}
