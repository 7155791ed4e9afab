import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../../src/domain/containers.ts';
import { createRequests } from '../../../src/pipeline/people/requests.ts';
import type { RequestEnd, RestartRequest } from '../../../src/pipeline/ports/people.ts';
import { aContainer, anIncident, aRequest, someFacts } from '../../support/domain.ts';

const MINUTE = 60_000;
const START = 1_000 * MINUTE;

/** A clock that moves only when `passes` is called. */
function steppedClock() {
  let now = START;
  let sleepers: { readonly at: number; wake(): void }[] = [];
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (signal?.aborted) return resolve();
        sleepers.push({ at: now + ms, wake: resolve });
        signal?.addEventListener('abort', () => resolve(), { once: true });
      }),
    async passes(ms: number) {
      now += ms;
      const due = sleepers.filter(({ at }) => at <= now);
      sleepers = sleepers.filter(({ at }) => at > now);
      for (const { wake } of due) wake();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  };
}

function build(left: readonly RestartRequest[] = []) {
  const clock = steppedClock();
  const requests = new Map(left.map((request) => [request.id, request]));
  const ends: [string, RequestEnd['state']][] = [];
  const shown: RestartRequest['state'][] = [];
  const counted: object[] = [];
  const lifecycle: { stoppedByPersonAt?: number } = {};
  let ids = 0;
  const built = createRequests({
    store: {
      async saveRequest(request) {
        requests.set(request.id, request);
      },
      async endRequest(id, { state }) {
        const request = requests.get(id);
        if (request?.state !== 'waiting') return false;
        requests.set(id, { ...request, state });
        ends.push([id, state]);
        return true;
      },
      waitingRequests: async () => [...requests.values()].filter(({ state }) => state === 'waiting'),
    },
    lifecycle: { of: () => ({ restartingByAgent: false, crashes: [], ...lifecycle }) },
    observer: { approval: (approval) => void counted.push(approval), decision: () => {} },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    clock,
    newId: () => `req-${++ids}`,
    stopping: new AbortController().signal,
    start: () => {},
    onChanged: ({ state }) => void shown.push(state),
  });
  return { requests: built, clock, ends, shown, counted, lifecycle };
}

const event = (kind: 'start' | 'destroy' | 'stop', time: number, container = aContainer()): EngineEvent => ({
  time,
  containerId: container.id,
  container,
  action: { kind },
});
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const FACTS = someFacts({ startedAt: START - MINUTE });

describe('a request for a restart', () => {
  it('is made once for an incident, whatever often it is decided', async () => {
    const { requests, shown } = build();
    const first = await requests.open(anIncident(), FACTS);
    expect(await requests.open(anIncident(), FACTS)).toBe(first);
    expect(first).toMatchObject({ requestedAt: START, expiresAt: START + 15 * MINUTE, state: 'waiting' });
    expect(requests.waiting()).toBe(1);
    expect(shown).toEqual(['waiting']);
  });

  it('is replaced if its container has been started again or replaced', async () => {
    const { requests, ends } = build();
    await requests.open(anIncident(), FACTS);
    await requests.open(anIncident(), someFacts({ startedAt: START }));
    await requests.open(anIncident({ container: aContainer({ id: 'b'.repeat(64) }) }), someFacts({ startedAt: START }));
    expect(ends).toEqual([
      ['req-1', 'withdrawn'],
      ['req-2', 'withdrawn'],
    ]);
    expect(requests.waiting()).toBe(1);
  });

  it('expires after 15 minutes, not before', async () => {
    const { requests, clock, ends, shown, counted } = build();
    await requests.open(anIncident(), FACTS);
    for (let minute = 1; minute < 15; minute++) await clock.passes(MINUTE);
    expect(ends).toEqual([]);
    await clock.passes(MINUTE);
    expect(ends).toEqual([['req-1', 'expired']]);
    expect(shown).toEqual(['waiting', 'expired']);
    expect(counted).toEqual([{ outcome: 'expired', source: 'none' }]);
    expect(requests.waiting()).toBe(0);
  });

  it.each<[string, EngineEvent, number?]>([
    ['the container is started again', event('start', START + MINUTE)],
    ['the container is removed', event('destroy', START + MINUTE)],
    ['a person stops the container', event('stop', START + MINUTE), START + MINUTE],
  ])('is withdrawn when %s', async (_, seen, stoppedByPersonAt) => {
    const { requests, ends, lifecycle } = build();
    await requests.open(anIncident(), FACTS);
    lifecycle.stoppedByPersonAt = stoppedByPersonAt;
    requests.observe(seen);
    await settle();
    expect(ends).toEqual([['req-1', 'withdrawn']]);
  });

  it.each<[string, EngineEvent, number?]>([
    ['of another container', event('start', START + MINUTE, aContainer({ id: 'b'.repeat(64) }))],
    ['that the engine repeats from before the request', event('start', FACTS.startedAt + 20)],
    ['of a stop before the container was started', event('stop', START - 2 * MINUTE), START - 2 * MINUTE],
  ])('still waits after an event %s', async (_, seen, stoppedByPersonAt) => {
    const { requests, ends, lifecycle } = build([
      aRequest({ containerStartedAt: FACTS.startedAt, expiresAt: START + 1 }),
    ]);
    await requests.load(() => true);
    lifecycle.stoppedByPersonAt = stoppedByPersonAt;
    requests.observe(seen);
    await settle();
    expect(ends).toEqual([]);
  });

  it('of an earlier run of the agent waits, expires, or is withdrawn if its incident is over', async () => {
    const { requests, clock, ends } = build([
      aRequest({ id: 'waits', incidentId: 'a', expiresAt: START + MINUTE }),
      aRequest({ id: 'late', incidentId: 'b', expiresAt: START - 1 }),
      aRequest({ id: 'over', incidentId: 'c', expiresAt: START + MINUTE }),
    ]);
    await requests.load((id) => id !== 'c');
    await settle();
    expect(ends.sort()).toEqual([
      ['late', 'expired'],
      ['over', 'withdrawn'],
    ]);
    expect(requests.waiting()).toBe(1);
    await clock.passes(MINUTE);
    expect(ends.at(-1)).toEqual(['waits', 'expired']);
  });

  it('is answered by the first of two answers', async () => {
    const { requests, counted } = build();
    const request = (await requests.open(anIncident(), FACTS)) ?? expect.fail();
    const by = { via: 'slack', who: 'U1' } as const;
    expect(await requests.answer(request, { state: 'denied', at: START, by })).toBe(true);
    expect(await requests.answer(request, { state: 'approved', at: START, by })).toBe(false);
    expect(counted).toEqual([{ outcome: 'denied', source: 'slack' }]);
  });
});
