import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/domain/decision.ts';
import { EngineError } from '../../../src/errors.ts';
import { restart } from '../../../src/pipeline/restart/restart.ts';
import { anIncident, someFacts } from '../../support/domain.ts';

const NOW = 10_000;

async function runRestart({
  engine = async () => {},
  store = async () => {},
  onBegun = async () => {},
}: {
  engine?(): Promise<void>;
  store?(): Promise<void>;
  onBegun?(): Promise<void>;
} = {}) {
  const order: string[] = [];
  const stored: Attempt[] = [];
  const result = restart(anIncident(), someFacts(), {
    control: {
      async restart(id) {
        order.push(`restart ${id.slice(0, 3)}`);
        await engine();
      },
    },
    attempts: {
      async beginAttempt(attempt) {
        await store();
        order.push('store');
        stored.push(attempt);
      },
    },
    clock: { now: () => NOW, monotonic: () => NOW, sleep: async () => {} },
    newId: () => 'att-1',
    async onBegun({ id }) {
      order.push(`told ${id}`);
      await onBegun();
    },
  });
  return { result: await result.catch((error: unknown) => String(error)), order, stored };
}

describe('a restart', () => {
  it('is stored before the engine is called', async () => {
    const { result, order, stored } = await runRestart();
    expect(order).toEqual(['store', 'told att-1', 'restart aaa']);
    expect(stored).toMatchObject([{ id: 'att-1', incidentId: 'inc-1', startedAt: NOW }]);
    expect(result).toMatchObject({ kind: 'restarted', answer: 'done' });
  });

  it('is not made if it cannot be stored', async () => {
    const { result, order } = await runRestart({ store: () => Promise.reject(new Error('disk full')) });
    expect(result).toBe('Error: disk full');
    expect(order).toEqual([]);
  });

  it('ends when people have been told that it began', async () => {
    const told: string[] = [];
    const onBegun = async () => {
      for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
      told.push('told');
    };
    await runRestart({ onBegun });
    expect(told).toEqual(['told']);
  });

  it('is a fault if anything but the engine fails', async () => {
    expect((await runRestart({ engine: () => Promise.reject(new Error('a bug')) })).result).toBe('Error: a bug');
  });

  it('that the engine refuses is reported with its message', async () => {
    const { result } = await runRestart({
      engine: () => Promise.reject(new EngineError('no such network', 'server_error')),
    });
    expect(result).toMatchObject({ kind: 'refused', detail: 'the engine did not restart it: no such network' });
  });

  it.each([
    ['that the engine does not confirm in time', 'timeout', 'late'],
    ['whose connection is lost', 'unreachable', 'lost'],
    ['whose answer is cut off', 'protocol', 'lost'],
  ] as const)('%s is left to verification', async (_, reason, answer) => {
    const { result } = await runRestart({ engine: () => Promise.reject(new EngineError('no answer', reason)) });
    expect(result).toMatchObject({ kind: 'restarted', answer });
  });
});
