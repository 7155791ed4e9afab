/** Events and listings of one container, for the tests of its lifecycle. */
import type { ContainerFacts, EngineEvent, ListedContainer } from '../../../src/domain/containers.ts';
import type { Signal } from '../../../src/domain/incident.ts';
import { createLifecycle, type Lifecycle } from '../../../src/pipeline/lifecycle/lifecycle.ts';
import { aContainer, someFacts } from '../../support/domain.ts';

export type Action = EngineEvent['action'];

export const start: Action = { kind: 'start' };
export const stop: Action = { kind: 'stop' };
export const die = (exitCode: number): Action => ({ kind: 'die', exitCode });
export const kill = (signal: number): Action => ({ kind: 'kill', signal });
export const health = (status: 'healthy' | 'unhealthy'): Action => ({ kind: 'health', status });

export function at(time: number, action: Action, container = aContainer()): EngineEvent {
  return { time, containerId: container.id, container, action };
}

export function listed(
  ref = aContainer(),
  status: ListedContainer['status'] = 'running',
  over: Partial<ListedContainer> = {},
): ListedContainer {
  return { ref, status, health: 'none', networkMode: 'bridge', ...over };
}

export interface LifecycleTestOptions {
  readonly graceMs?: number;
  readonly monotonic?: () => number;
  readonly now?: () => number;
  /** By default it never ends: `settle` ends the wait for a late event. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** What is known of every container from inspect; by default nothing. */
  readonly facts?: Partial<ContainerFacts> | (() => Partial<ContainerFacts> | undefined);
  /** By default the engine answers with `facts`. */
  readonly inspect?: () => Promise<ContainerFacts | 'no_answer' | undefined>;
  /** Receives the signals of ends that are judged some time after their event. */
  readonly onSignal?: (signal: Signal) => void;
}

export function aLifecycle(options: LifecycleTestOptions = {}): Lifecycle {
  const { graceMs = 0, monotonic = () => 0, now = () => 0, sleep = () => new Promise(() => {}) } = options;
  const known = () => (typeof options.facts === 'function' ? options.facts() : options.facts);
  return createLifecycle({
    clock: { now, monotonic, sleep },
    graceMs: () => graceMs,
    factsOf: () => {
      const facts = known();
      return facts === undefined ? undefined : someFacts(facts);
    },
    inspect: options.inspect ?? (async () => someFacts(known())),
    onLateSignals: (signals) => {
      for (const signal of signals) options.onSignal?.(signal);
    },
  });
}
