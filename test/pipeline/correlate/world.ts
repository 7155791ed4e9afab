/** The correlation with a real graph and real incidents, on a clock that a test advances. The engine is a stand-in. */
import type {
  ContainerFacts,
  ContainerRef,
  EngineEvent,
  ListedContainer,
  Topology,
} from '../../../src/domain/containers.ts';
import type { Detector, Incident, Signal } from '../../../src/domain/incident.ts';
import type { Clock } from '../../../src/lib/time.ts';
import type { Correlation } from '../../../src/pipeline/correlate/correlate.ts';
import { createCorrelation } from '../../../src/pipeline/correlate/correlation.ts';
import { rootOf } from '../../../src/pipeline/correlate/members.ts';
import { createOpenIncidents, type LiveIncident } from '../../../src/pipeline/incident/open-incidents.ts';
import type { ContainerLifecycle } from '../../../src/pipeline/lifecycle/record.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import type { ObservedDependency } from '../../../src/pipeline/ports/store.ts';
import { aSignal, someFacts } from '../../support/domain.ts';
import { onNetwork, service } from './support.ts';

export const START = 10_000_000;

const turn = () => new Promise((resolve) => setImmediate(resolve));
/** Enough for promises that depend on each other, without any timer. */
const settle = async () => {
  for (let i = 0; i < 10; i++) await turn();
};

/** Time passes only in `pass`, which ends the sleeps that are over, in order. */
function createManualClock(): Clock & { pass(ms: number): Promise<void> } {
  let now = START;
  const sleepers = new Set<{ readonly at: number; wake(): void }>();
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const sleeper = {
          at: now + ms,
          wake() {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', () => sleeper.wake(), { once: true });
      }),
    async pass(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const next = [...sleepers].sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > end) break;
        now = Math.max(now, next.at);
        next.wake();
      }
      now = end;
      await settle();
    },
  };
}

export interface WorldOptions {
  /** By name of the service; all are on one network. */
  readonly services: Readonly<Record<string, Partial<Topology>>>;
  /** Whether the first inspections are over. Default: true. */
  readonly ready?: boolean;
  readonly known?: readonly ObservedDependency[];
  readonly failingStore?: boolean;
}

export async function createWorld({ services, ready = true, known = [], failingStore = false }: WorldOptions) {
  const clock = createManualClock();
  const stopping = new AbortController();
  let serial = 0;
  const incidents = createOpenIncidents({ newId: () => `inc-${++serial}`, now: clock.now });
  const facts = new Map<string, Partial<ContainerFacts> | 'gone' | 'unanswered'>();
  const lifecycles = new Map<string, Partial<ContainerLifecycle>>();
  const topologies = new Map<string, Topology>();
  const saved: Incident[] = [];
  const resolved: string[] = [];
  const opened: { readonly signal: Signal; readonly isReleased?: boolean }[] = [];
  const observed: string[] = [];
  const logged: string[] = [];
  const storedDependencies: (readonly ObservedDependency[])[] = [];
  const storedAddresses: string[][] = [];
  let inspections = 0;
  const log = (message: string) => void logged.push(message);
  const fail = async (): Promise<void> => {
    if (failingStore) throw new Error('disk I/O error');
  };
  const work: Promise<void>[] = [];

  const correlation = createCorrelation({
    incidents,
    lifecycle: { of: (id) => ({ restartingByAgent: false, crashes: [], ...lifecycles.get(id) }) },
    control: {
      async inspect(id) {
        inspections++;
        const state = facts.get(id);
        if (state === 'unanswered') throw new Error('no answer');
        if (state === 'gone') return undefined;
        return someFacts({ startedAt: START - 3_600_000, topology: topologies.get(id), ...state });
      },
    },
    store: {
      loadDependencies: async () => {
        await fail();
        return known;
      },
      saveDependencies: async (dependencies) => {
        await fail();
        storedDependencies.push(dependencies);
      },
      loadAddresses: async () => {
        await fail();
        return [];
      },
      saveAddresses: async (addresses) => {
        await fail();
        storedAddresses.push(addresses.map(({ address }) => address));
      },
      saveIncident: async (incident) => {
        await fail();
        saved.push(incident);
      },
      resolveIncident: async (id) => {
        await fail();
        resolved.push(id);
      },
    },
    observer: {
      ...noopObserver,
      signal: (detector, name) => void observed.push(`signal ${detector} ${name}`),
      correlated: (evidence) => void observed.push(`correlated ${evidence}`),
      suppressed: (reason) => void observed.push(`suppressed ${reason}`),
    },
    logger: { debug: log, info: log, warn: log, error: log },
    clock,
    stopping: stopping.signal,
    open(signal, isReleased) {
      opened.push({ signal, isReleased });
      const { live } = incidents.fold(signal);
      live.isReleased = isReleased;
      return live;
    },
    start: (started) => void work.push(started),
  });
  await correlation.load();

  const refs = new Map<string, ContainerRef>();
  const ref = (name: string): ContainerRef => {
    const known = refs.get(name);
    if (known === undefined) throw new Error(`no service ${name}`);
    return known;
  };
  const add = (name: string, over: Partial<Topology> = {}, container = service(name)): ContainerRef => {
    const topology = onNetwork(`172.18.0.${refs.size + 2}`, over);
    refs.set(name, container);
    topologies.set(container.id, topology);
    correlation.listed([listed(container)]);
    correlation.inspected(container.id, { topology, startedAt: START - 3_600_000 });
    return container;
  };
  for (const [name, over] of Object.entries(services)) add(name, over);
  if (ready) correlation.inspectedAll();

  /** A new incident; its evidence is complete. */
  const opens = (name: string, over: Partial<Signal> = {}): LiveIncident => {
    const detector: Detector = over.detector ?? (over.record === undefined ? 'crash' : 'log');
    return incidents.fold(
      aSignal({ container: ref(name), at: clock.now(), detector, fingerprint: `${name} ${detector}`, ...over }),
    ).live;
  };
  const record = (text: string, at = clock.now()) => ({ time: at, stream: 'stderr' as const, text, lines: 1 });
  /** A new incident of an error in the log. */
  const fails = (name: string, text: string, over: Partial<Signal> = {}): LiveIncident =>
    opens(name, { summary: text, record: record(text), ...over });
  const contextOf = (live: LiveIncident, over: Partial<DiagnosisContext> = {}): DiagnosisContext => {
    const state = facts.get(live.incident.container.id);
    return {
      incident: live.incident,
      evidence: [],
      logLines: [],
      redactions: 0,
      restarts: [],
      ruleMatches: [],
      ...(state !== 'gone' &&
        state !== 'unanswered' && {
          facts: someFacts({ topology: topologies.get(live.incident.container.id), ...state }),
        }),
      ...over,
    };
  };

  return {
    clock,
    correlation,
    incidents,
    stopping,
    facts,
    lifecycles,
    topologies,
    saved,
    resolved,
    opened,
    observed,
    logged,
    storedDependencies,
    storedAddresses,
    inspections: () => inspections,
    add,
    ref,
    opens,
    fails,
    record,
    /** `result` is undefined while it is not known. */
    correlates(live: LiveIncident, over: Partial<DiagnosisContext> = {}) {
      const running: { result?: Correlation } = {};
      void correlation.correlator.correlate(live, contextOf(live, over)).then((result) => {
        running.result = result;
      });
      return running;
    },
    sets(
      name: string,
      state: Partial<ContainerFacts> | 'gone' | 'unanswered',
      lifecycle?: Partial<ContainerLifecycle>,
    ) {
      facts.set(ref(name).id, state);
      if (lifecycle !== undefined) lifecycles.set(ref(name).id, lifecycle);
    },
    happens(name: string, action: EngineEvent['action']) {
      const container = ref(name);
      correlation.observe({ time: clock.now(), containerId: container.id, container, action });
    },
    rootName: (live: LiveIncident) => rootOf(live).incident.container.service,
    done: () => Promise.all(work),
  };
}

export function listed(ref: ContainerRef, status: ListedContainer['status'] = 'running'): ListedContainer {
  return { ref, status, health: 'none', networkMode: 'shop_default' };
}

export const SECOND = 1_000;
export const MINUTE = 60_000;
/** db has the first address on the network of every world. */
export const REFUSED = 'ERROR Error: connect ECONNREFUSED 172.18.0.2:5432';
export const UNNAMED = 'ERROR connection refused';
export const FULL = 'PANIC: could not write to file: No space left on device';
export const EXITED = { status: 'exited', exitCode: 1 } as const;
export const PAUSED = { status: 'paused' } as const;

export const shop = (services: Parameters<typeof createWorld>[0]['services'] = {}) =>
  createWorld({ services: { db: {}, api: { dependsOn: ['db'] }, ...services } });

export const incidentId = ({ incident }: LiveIncident) => incident.id;
