/** Generates projects of services that depend on each other, and faults in them with known causes. */
import type { SimulatedContainerOptions } from '../../src/demo/engine/simulated-container.ts';
import { composeProject, type ServiceOptions } from '../support/compose-project.ts';
import type { Wordings } from './support-cascade-wordings.ts';

export const FAULT_KINDS = [
  'crash',
  'out of memory',
  'stopped by a person',
  'paused',
  'disk full, relayed',
  'off the network',
  'late health check',
  'host outside',
  'no name server',
  'unhealthy, answers',
  'own error',
  'own crash',
  'rolling update',
  'two faults',
  'cycle',
  'hangs, looks well',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Dependency {
  readonly on: string;
  /** The evidence that the agent has for it, in addition to errors. */
  readonly by: 'compose' | 'environment' | 'nothing';
}

export interface Topology {
  /** Service → what it depends on. */
  readonly services: ReadonlyMap<string, readonly Dependency[]>;
  readonly containers: readonly SimulatedContainerOptions[];
}

export interface Victim {
  readonly service: string;
  readonly text: string;
  /** Time after the fault, ms. */
  readonly at: number;
  /** It exits after its error. */
  readonly crashes: boolean;
}

export interface Fault {
  readonly kind: FaultKind;
  /** The service that is the cause; undefined if the cause is outside the project. */
  readonly cause?: string;
  readonly victims: readonly Victim[];
  /** The log line of the cause itself. */
  readonly says?: string;
  /** When the health check of the cause fails, ms after the fault. */
  readonly noticedAfter?: number;
  /** Whether the agent can find the cause from what it sees. */
  readonly knowable: boolean;
}

export type Random = () => number;

/** A pseudorandom generator of numbers from 0 to 1: mulberry32 (public domain). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const STORES = ['db', 'cache', 'queue', 'search', 'ledger', 'blobs'];
const SERVICES = [
  'api',
  'auth',
  'cart',
  'catalog',
  'checkout',
  'billing',
  'mailer',
  'orders',
  'stock',
  'prices',
  'reviews',
  'profile',
  'media',
  'feed',
  'report',
  'import',
  'export',
  'notify',
  'sync',
  'audit',
  'gateway',
  'web',
  'admin',
  'mobile',
  'partner',
];

export function generateTopology(project: string, size: number, random: Random, cycle: boolean): Topology {
  const stores = STORES.slice(0, Math.max(1, Math.min(STORES.length, Math.round(size / 4))));
  const others = SERVICES.slice(0, Math.max(2, size - stores.length));
  const evidence = (): Dependency['by'] => {
    const dice = random();
    return dice < 0.5 ? 'compose' : dice < 0.9 ? 'environment' : 'nothing';
  };
  const services = new Map<string, readonly Dependency[]>(stores.map((store) => [store, []]));
  for (const [i, service] of others.entries()) {
    const earlier = others.slice(0, i);
    const candidates = [pick(stores, random), ...(random() < 0.5 ? [pick(stores, random)] : [])];
    if (earlier.length > 0 && random() < 0.7) candidates.push(pick(earlier, random));
    services.set(
      service,
      [...new Set(candidates)].map((on) => ({ on, by: evidence() })),
    );
  }
  if (cycle) {
    const [first = '', second = ''] = others;
    services.set(first, [{ on: second, by: 'compose' }]);
    services.set(second, [{ on: first, by: 'environment' }]);
  }
  const options: Record<string, ServiceOptions> = {};
  for (const [service, dependencies] of services) {
    options[service] = {
      dependsOn: dependencies.flatMap(({ on, by }) => (by === 'compose' ? [on] : [])),
      env: dependencies.flatMap(({ on, by }) =>
        by === 'environment' ? [`${on.toUpperCase()}_URL=tcp://${on}:${portOf(on)}`] : [],
      ),
      health: 'healthy',
      restartPolicy: random() < 0.5 ? 'unless-stopped' : 'no',
    };
  }
  return { services, containers: composeProject(project, options) };
}

export function portOf(service: string): number {
  return 5000 + ((service.charCodeAt(0) * 31 + service.charCodeAt(1)) % 4000);
}

export interface FaultInput {
  readonly topology: Topology;
  readonly kind: FaultKind;
  readonly random: Random;
  readonly wordings: Wordings;
  /** The address that a service has before the fault. */
  addressOf(service: string): string;
  /** Services that are part of another fault in the same project. */
  readonly taken: ReadonlySet<string>;
}

/** Returns undefined if no service of the topology is suitable for such a fault. */
export function generateFault(input: FaultInput): Fault | undefined {
  const { topology, kind, random, wordings, taken } = input;
  const free = (service: string) => !taken.has(service);
  const all = [...topology.services.keys()].filter(free);
  const depended = all.filter((service) => dependentsOf(topology, service).some(free));
  const cause = pick(depended, random);
  switch (kind) {
    case 'own error':
      return { kind, cause: pick(all, random), victims: [], says: pick(wordings.own, random), knowable: true };
    case 'own crash':
    case 'unhealthy, answers':
      return { kind, cause: pick(all, random), victims: [], knowable: true };
    case 'host outside': {
      const host = {
        host: pick(['smtp.example.net', 'api.payments.example.com'], random),
        port: 443,
        ip: '203.0.113.7',
      };
      const victims = all
        .slice(-5)
        .map((service) => victim(service, fill(pick(wordings.outside, random), host), random));
      return { kind, victims, knowable: true };
    }
    case 'no name server': {
      const callers = all.filter((service) => (topology.services.get(service) ?? []).length > 0).slice(0, 4);
      const victims = callers.map((service) => {
        const on = pick(topology.services.get(service) ?? [], random)?.on ?? 'db';
        return victim(service, fill(pick(wordings.noNames, random), placeOf(on, input)), random);
      });
      return { kind, victims, knowable: true };
    }
    default: {
      if (cause === undefined) return undefined;
      if (kind === 'disk full, relayed') {
        const says = pick(wordings.full, random);
        const text = () => pick(wordings.repeats, random).replace('{text}', says.replace(/^\w+:\s+/, ''));
        const direct = dependentsOf(topology, cause).filter(free);
        return { kind, cause, says, victims: direct.map((service) => victim(service, text(), random)), knowable: true };
      }
      const isSilent = kind === 'paused' || kind === 'late health check' || kind === 'hangs, looks well';
      const texts = isSilent ? wordings.silent : wordings.gone;
      const victims = spread(cause, texts, input);
      const names = victims.some(({ text }) => text.includes(cause) || text.includes(input.addressOf(cause)));
      const isVisible = kind !== 'hangs, looks well';
      return {
        kind,
        cause,
        victims,
        knowable: isVisible && (names || hasKnownEdge(topology, cause)),
        ...(kind === 'late health check' && { noticedAfter: 10_000 + Math.floor(random() * 70_000) }),
      };
    }
  }
}

/** The dependents of the cause fail, and some of their own dependents. */
function spread(cause: string, texts: readonly string[], input: FaultInput): readonly Victim[] {
  const { topology, random, wordings, taken } = input;
  const victims = new Map<string, Victim>();
  let level = [cause];
  for (let depth = 0; depth < 3; depth++) {
    const next: string[] = [];
    for (const failing of level) {
      for (const service of dependentsOf(topology, failing)) {
        if (service === cause || taken.has(service) || victims.has(service)) continue;
        if (depth > 0 && random() > 0.6) continue;
        const text = fill(pick(depth === 0 ? texts : wordings.relayed, random), placeOf(failing, input));
        const crashes = depth === 0 && random() < 0.3 && restartsItself(topology, service);
        victims.set(service, { ...victim(service, text, random, depth), crashes });
        next.push(service);
      }
    }
    level = next;
  }
  return [...victims.values()];
}

function victim(service: string, text: string, random: Random, depth = 0): Victim {
  return { service, text, at: Math.floor(random() * 1_500) + depth * 700 - 300, crashes: false };
}

function placeOf(service: string, { addressOf }: FaultInput) {
  return { host: service, ip: addressOf(service), port: portOf(service) };
}

function fill(text: string, place: { readonly host: string; readonly ip: string; readonly port: number }): string {
  return text.replaceAll('{host}', place.host).replaceAll('{ip}', place.ip).replaceAll('{port}', String(place.port));
}

export function dependentsOf({ services }: Topology, service: string): readonly string[] {
  return [...services].flatMap(([name, dependencies]) => (dependencies.some(({ on }) => on === service) ? [name] : []));
}

function hasKnownEdge({ services }: Topology, cause: string): boolean {
  return [...services.values()].some((dependencies) =>
    dependencies.some(({ on, by }) => on === cause && by !== 'nothing'),
  );
}

/** A service without a restart policy would itself need a restart once the cause is back. */
function restartsItself({ containers }: Topology, service: string): boolean {
  return containers.some(
    ({ name, restartPolicy }) => name.includes(`-${service}-`) && restartPolicy === 'unless-stopped',
  );
}

export function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)] as T;
}
