/** Events and listings of one container, for the tests of its lifecycle. */
import type { EngineEvent, ListedContainer } from '../../../src/domain.ts';
import { createLifecycle, type Lifecycle } from '../../../src/pipeline/lifecycle/lifecycle.ts';
import { aContainer } from '../../support/domain.ts';

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

export function aLifecycle({ graceMs = 0, monotonic = (): number => 0 } = {}): Lifecycle {
  return createLifecycle({ clock: { monotonic }, graceMs: () => graceMs });
}
