import { describe, expect, it } from 'vitest';
import type { Attempt } from '../../../src/domain.ts';
import { EngineError } from '../../../src/errors.ts';
import { restart } from '../../../src/pipeline/restart/restart.ts';
import { anIncident, someFacts } from '../../support/domain.ts';

const NOW = 10_000;

async function act({
  engine = async () => {},
  disk = async () => {},
}: {
  engine?(): Promise<void>;
  disk?(): Promise<void>;
} = {}) {
  const order: string[] = [];
  const written: Attempt[] = [];
  const acted = restart(anIncident(), someFacts(), {
    control: {
      async restart(id) {
        order.push(`restart ${id.slice(0, 3)}`);
        await engine();
      },
    },
    attempts: {
      async beginAttempt(attempt) {
        await disk();
        order.push('written');
        written.push(attempt);
      },
    },
    clock: { now: () => NOW, monotonic: () => NOW, sleep: async () => {} },
    newId: () => 'att-1',
  });
  return { acted: await acted.catch((error: unknown) => String(error)), order, written };
}

describe('a restart', () => {
  it('is on disk before the engine is called', async () => {
    const { acted, order, written } = await act();
    expect(order).toEqual(['written', 'restart aaa']);
    expect(written).toMatchObject([{ id: 'att-1', incidentId: 'inc-1', startedAt: NOW }]);
    expect(acted).toMatchObject({ kind: 'restarted', answer: 'done' });
  });

  it('is not made where it cannot be written down', async () => {
    const { acted, order } = await act({ disk: () => Promise.reject(new Error('disk full')) });
    expect(acted).toBe('Error: disk full');
    expect(order).toEqual([]);
  });

  it('that the engine refuses is told with what the engine said', async () => {
    const { acted } = await act({ engine: () => Promise.reject(new EngineError('no such network', 'server_error')) });
    expect(acted).toMatchObject({ kind: 'refused', detail: 'the engine did not restart it: no such network' });
  });

  it.each([
    ['that the engine does not answer in time', 'timeout', 'late'],
    ['whose connection is lost, so that the engine may be at it,', 'unreachable', 'lost'],
    ['whose answer is cut off', 'protocol', 'lost'],
  ] as const)('%s is left for verification to look at', async (_, reason, answer) => {
    const { acted } = await act({ engine: () => Promise.reject(new EngineError('no answer', reason)) });
    expect(acted).toMatchObject({ kind: 'restarted', answer });
  });
});
