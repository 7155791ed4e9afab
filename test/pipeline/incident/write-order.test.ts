import { describe, expect, it } from 'vitest';
import { createWriteOrder } from '../../../src/pipeline/incident/write-order.ts';
import type { IncidentStore } from '../../../src/pipeline/ports/store.ts';
import { anIncident } from '../../support/domain.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

function build() {
  const order: string[] = [];
  let finishSave: (error?: Error) => void = () => {};
  let finishPositions = () => {};
  let patience = { ms: 0, over: () => {}, signal: undefined as AbortSignal | undefined };
  const incidentStore: Partial<IncidentStore> = {
    saveIncident: ({ id }) =>
      new Promise((resolve, reject) => {
        finishSave = (error) => {
          order.push(`saved ${id}`);
          if (error) reject(error);
          else resolve();
        };
      }),
    resolveIncident: async (id) => void order.push(`resolved ${id}`),
    lastCase: async () => undefined,
  };
  const written = createWriteOrder(incidentStore as IncidentStore, {
    clock: {
      now: () => 0,
      monotonic: () => 0,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          patience = { ms, over: resolve, signal };
        }),
    },
    positionsSaved: () =>
      new Promise((resolve) => {
        finishPositions = () => {
          order.push('positions');
          resolve();
        };
      }),
  });
  const positionsMayBeSaved = () => {
    const state = { done: false };
    void written.incidentsSaved().then(() => {
      state.done = true;
    });
    return state;
  };
  return {
    written,
    order,
    positionsMayBeSaved,
    finishSave: (error?: Error) => finishSave(error),
    finishPositions: () => finishPositions(),
    patience: () => patience,
  };
}

describe('log positions', () => {
  it('may be saved if no incident is unsaved', async () => {
    const { positionsMayBeSaved, patience } = build();
    const saved = positionsMayBeSaved();
    await turn();
    expect(saved.done).toBe(true);
    expect(patience().ms).toBe(0);
  });

  it('are saved after the incidents that their lines opened', async () => {
    const { written, positionsMayBeSaved, finishSave, patience } = build();
    written.opened('inc-1');
    const saved = positionsMayBeSaved();
    const writing = written.store.saveIncident(anIncident());
    await turn();
    expect(saved.done).toBe(false);
    finishSave();
    await writing;
    await turn();
    expect(saved.done).toBe(true);
    expect(patience().signal?.aborted).toBe(true);
    expect(positionsMayBeSaved()).toBeDefined();
  });

  it('wait for all of several incidents', async () => {
    const { written, positionsMayBeSaved, finishSave } = build();
    written.opened('inc-1');
    written.opened('inc-2');
    const saved = positionsMayBeSaved();
    const writing = written.store.saveIncident(anIncident());
    finishSave();
    await writing;
    await turn();
    expect(saved.done).toBe(false);
  });

  it('are not delayed by an incident that could not be saved, or that was saved before', async () => {
    const { written, positionsMayBeSaved, finishSave } = build();
    written.opened('inc-1');
    const writing = written.store.saveIncident(anIncident()).catch(() => 'failed');
    finishSave(new Error('disk I/O error'));
    expect(await writing).toBe('failed');
    const again = written.store.saveIncident(anIncident());
    finishSave();
    await again;
    const saved = positionsMayBeSaved();
    await turn();
    expect(saved.done).toBe(true);
  });

  it('wait for a minute at most', async () => {
    const { written, positionsMayBeSaved, patience } = build();
    written.opened('inc-1');
    const saved = positionsMayBeSaved();
    await turn();
    expect(patience().ms).toBe(60_000);
    patience().over();
    await turn();
    expect(saved.done).toBe(true);
  });
});

it('an incident is resolved after the positions of the lines that belong to it are saved', async () => {
  const { written, order, finishPositions } = build();
  const resolving = written.store.resolveIncident('inc-1', 1);
  await turn();
  expect(order).toEqual([]);
  finishPositions();
  await resolving;
  expect(order).toEqual(['positions', 'resolved inc-1']);
});

it('other requests to the store are passed on', async () => {
  expect(await build().written.store.lastCase({ service: 'web', fingerprint: 'f1' })).toBeUndefined();
});

it('an incident that could not be saved is saved before what is written about it later', async () => {
  const written: string[] = [];
  let away = true;
  const incidentStore: Partial<IncidentStore> = {
    async saveIncident({ id }) {
      if (away) throw new Error('the store is away');
      written.push(`incident ${id}`);
    },
    saveDecision: async (id) => void written.push(`decision ${id}`),
  };
  const { store } = createWriteOrder(incidentStore as IncidentStore, {
    clock: { now: () => 0, monotonic: () => 0, sleep: async () => {} },
    positionsSaved: async () => {},
  });
  await expect(store.saveIncident(anIncident({ id: 'a' }))).rejects.toThrow('away');
  away = false;
  const decision = { kind: 'notify', reason: 'restart_not_safe' } as const;
  await store.saveDecision('a', decision);
  await store.saveDecision('a', decision);
  expect(written).toEqual(['incident a', 'decision a', 'decision a']);
});
