import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainerOptions } from '../../../src/demo/engine/simulated-container.ts';
import { createSimulatedEngine, type SimulatedEngine } from '../../../src/demo/simulated-engine.ts';
import { createDockerEngine } from '../../../src/docker/engine.ts';
import type { Clock } from '../../../src/lib/time.ts';
import { type VerifyOptions, verify } from '../../../src/pipeline/restart/verify.ts';

const STABLE = 30_000;
const DEADLINE = 120_000;
const never = new AbortController().signal;

let folder: string;
let engine: SimulatedEngine;
let host: string;
/** The simulated time. It passes during sleeps. */
let seconds: number;

const NOON = 1_790_000_000;
const now = () => seconds * 1_000;

beforeEach(async () => {
  seconds = NOON;
  folder = mkdtempSync(path.join(tmpdir(), 'verify-'));
  engine = createSimulatedEngine({ socketPath: path.join(folder, 'engine.sock'), clock: { now } });
  host = await engine.listen();
});

afterEach(async () => {
  await engine.close();
  rmSync(folder, { recursive: true });
});

/** A clock whose sleeps end at once. `at`: what happens after this many seconds. */
function clockWith(at: Record<number, () => void> = {}): Clock {
  const begun = seconds;
  return {
    now,
    monotonic: now,
    async sleep(ms) {
      for (let i = 0; i < ms / 1_000; i++) at[++seconds - begun]?.();
    },
  };
}

async function outcomeOf(
  container: Omit<SimulatedContainerOptions, 'name'>,
  at:
    | Record<number, () => void>
    | ((c: ReturnType<SimulatedEngine['addContainer']>) => Record<number, () => void>) = {},
  over: Partial<VerifyOptions> = {},
) {
  const c = engine.addContainer({ name: 'web', ...container });
  const clock = clockWith(typeof at === 'function' ? at(c) : at);
  const begun = now();
  const verification = await verify(
    {
      containerId: c.id,
      stableForMs: STABLE,
      deadlineMs: DEADLINE,
      recurred: () => false,
      stoppedByOperator: () => false,
      signal: never,
      ...over,
    },
    { control: createDockerEngine({ host, tlsVerify: false, callTimeoutMs: 2_000 }), clock },
  );
  return { ...verification, afterMs: now() - begun };
}

describe('verification', () => {
  it('reports a container without a health check as recovered once it was stable', async () => {
    expect(await outcomeOf({})).toMatchObject({ outcome: 'recovered', strategy: 'stable', afterMs: STABLE });
  });

  it('reports a container as recovered as soon as its health check passes', async () => {
    const verification = await outcomeOf({ health: 'starting' }, (c) => ({ 7: () => c.setHealth('healthy') }));
    expect(verification).toMatchObject({ outcome: 'recovered', strategy: 'health', afterMs: 7_000 });
  });

  it('reports a failure if the health check fails again', async () => {
    const verification = await outcomeOf({ health: 'starting' }, (c) => ({ 7: () => c.setHealth('unhealthy') }));
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'its health check fails again' });
  });

  it('reports a failure if the container is not healthy at the deadline', async () => {
    expect(await outcomeOf({ health: 'starting' })).toMatchObject({
      outcome: 'failed',
      detail: 'not healthy within 120 s',
    });
  });

  it('reports a failure if the container exits again', async () => {
    const verification = await outcomeOf({}, (c) => ({ 12: () => c.exit(3) }));
    expect(verification).toMatchObject({
      outcome: 'failed',
      detail: 'it exited again with code 3',
      afterMs: 12_000,
    });
  });

  it('reports a failure if the container exits again and the engine restarts it between two polls', async () => {
    const verification = await outcomeOf({}, (c) => ({
      12: () => {
        c.exit(3);
        c.start();
      },
    }));
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'it exited again and the engine restarted it' });
  });

  it('reports a failure if the same problem comes back', async () => {
    const verification = await outcomeOf({}, {}, { recurred: () => seconds === NOON + 5 });
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'the same problem came back' });
  });

  it('reports no failure if a person stops the container', async () => {
    const verification = await outcomeOf({}, (c) => ({ 5: () => c.exit(143) }), { stoppedByOperator: () => true });
    expect(verification.outcome).toBe('unknown');
  });

  it('reports no failure if the container is paused or removed', async () => {
    expect((await outcomeOf({}, (c) => ({ 5: () => c.pause() }))).outcome).toBe('unknown');
    engine.container('web')?.remove();
    expect((await outcomeOf({}, (c) => ({ 5: () => c.remove() }))).outcome).toBe('unknown');
  });

  it('reports no failure if the engine does not answer', async () => {
    const verification = await outcomeOf({}, { 5: () => engine.faults.respond('inspect', 500) });
    expect(verification).toMatchObject({ outcome: 'unknown', detail: 'the engine did not answer' });
  });

  it('continues if the engine fails for a moment', async () => {
    const verification = await outcomeOf({}, { 5: () => engine.faults.respond('inspect', 500, 'busy', 3) });
    expect(verification.outcome).toBe('recovered');
  });

  it('ends when the agent stops', async () => {
    const stopping = new AbortController();
    const verification = await outcomeOf({}, { 5: () => stopping.abort() }, { signal: stopping.signal });
    expect(verification.outcome).toBe('unknown');
  });
});

describe('verification of a restart that the engine has not confirmed', () => {
  /** The restart was stored two seconds before verification begins. */
  async function resumed(
    container: Omit<SimulatedContainerOptions, 'name'>,
    at: (c: ReturnType<SimulatedEngine['addContainer']>) => Record<number, () => void>,
    {
      received = false,
      before,
      over,
    }: {
      received?: boolean;
      before?: (c: ReturnType<SimulatedEngine['addContainer']>) => void;
      over?: Partial<VerifyOptions>;
    } = {},
  ) {
    let restartedAfterMs: number | undefined;
    seconds = NOON - 60;
    const verification = await outcomeOf(
      { stopTimeout: 10, ...container },
      (c) => {
        seconds = NOON - 2;
        before?.(c);
        seconds = NOON;
        return at(c);
      },
      {
        ...over,
        unconfirmed: {
          since: (NOON - 2) * 1_000,
          received,
          onRestarted: () => {
            restartedAfterMs = now() - NOON * 1_000;
          },
        },
      },
    );
    return { ...verification, restartedAfterMs };
  }

  it('waits for a restart in progress, and begins after it', async () => {
    const verification = await resumed({}, (c) => ({
      4: () => c.exit(143),
      6: () => c.start(),
    }));
    expect(verification).toMatchObject({ outcome: 'recovered', restartedAfterMs: 6_000, afterMs: 6_000 + STABLE });
  });

  it('reports that nothing was restarted if the container still runs after the time for a kill', async () => {
    const verification = await resumed({}, () => ({}));
    expect(verification).toMatchObject({ outcome: 'error', restartedAfterMs: undefined, afterMs: 18_000 });
    expect(verification.detail).toBe('the engine did not receive the request');
  });

  it('reports that nothing was restarted if the container was down before and still is after the time for a start', async () => {
    const verification = await resumed({}, () => ({}), {
      before: (c) => {
        seconds -= 5;
        c.exit(1);
      },
    });
    expect(verification).toMatchObject({ outcome: 'error', afterMs: 68_000 });
  });

  it('reports no failure if the container was stopped and stays down, which a person may want', async () => {
    const verification = await resumed({}, (c) => ({ 1: () => c.exit(143) }));
    expect(verification).toMatchObject({ outcome: 'unknown', afterMs: 68_000 });
  });

  it('does not report that nothing was restarted if the engine received the request, because it may still do it', async () => {
    const verification = await resumed({}, () => ({}), { received: true });
    expect(verification).toMatchObject({ outcome: 'unknown', afterMs: 18_000 });
  });

  it('ignores signals from before the restart', async () => {
    const verification = await resumed({}, (c) => ({ 3: () => void c.restart() }), {
      over: { recurred: () => seconds < NOON + 3 },
    });
    expect(verification).toMatchObject({ outcome: 'recovered', restartedAfterMs: 3_000 });
  });

  it('reports an unknown outcome if the engine does not answer', async () => {
    engine.faults.respond('inspect', 500);
    expect(await resumed({}, () => ({}))).toMatchObject({
      outcome: 'unknown',
      detail: 'the engine did not answer',
    });
  });
});
