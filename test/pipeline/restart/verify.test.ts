import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SimulatedContainerOptions } from '../../../src/demo/engine/container.ts';
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
/** The world's seconds: they pass when somebody sleeps. */
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

/** A clock whose seconds pass at once; `at` says what happens in the simulated world meanwhile. */
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
  it('finds a container without health check recovered once it was stable for a while', async () => {
    expect(await outcomeOf({})).toMatchObject({ outcome: 'recovered', strategy: 'stable', afterMs: STABLE });
  });

  it('finds a container recovered as soon as its health check passes', async () => {
    const verification = await outcomeOf({ health: 'starting' }, (c) => ({ 7: () => c.setHealth('healthy') }));
    expect(verification).toMatchObject({ outcome: 'recovered', strategy: 'health', afterMs: 7_000 });
  });

  it('finds it failed when the health check fails again', async () => {
    const verification = await outcomeOf({ health: 'starting' }, (c) => ({ 7: () => c.setHealth('unhealthy') }));
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'its health check fails again' });
  });

  it('finds it failed when it is not healthy at the deadline', async () => {
    expect(await outcomeOf({ health: 'starting' })).toMatchObject({
      outcome: 'failed',
      detail: 'not healthy within 120 s',
    });
  });

  it('finds it failed when it ends again', async () => {
    const verification = await outcomeOf({}, (c) => ({ 12: () => c.exit(3) }));
    expect(verification).toMatchObject({
      outcome: 'failed',
      detail: 'it exited again with code 3',
      afterMs: 12_000,
    });
  });

  it('finds it failed when it ends again and the engine starts it between two looks', async () => {
    const verification = await outcomeOf({}, (c) => ({
      12: () => {
        c.exit(3);
        c.start();
      },
    }));
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'it exited again and the engine restarted it' });
  });

  it('finds it failed when the same trouble comes back', async () => {
    const verification = await outcomeOf({}, {}, { recurred: () => seconds === NOON + 5 });
    expect(verification).toMatchObject({ outcome: 'failed', detail: 'the same problem came back' });
  });

  it('does not call it failed when a person stops it', async () => {
    const verification = await outcomeOf({}, (c) => ({ 5: () => c.exit(143) }), { stoppedByOperator: () => true });
    expect(verification.outcome).toBe('unknown');
  });

  it('does not call it failed when it is paused or removed', async () => {
    expect((await outcomeOf({}, (c) => ({ 5: () => c.pause() }))).outcome).toBe('unknown');
    engine.container('web')?.remove();
    expect((await outcomeOf({}, (c) => ({ 5: () => c.remove() }))).outcome).toBe('unknown');
  });

  it('does not call it failed when the engine cannot be asked', async () => {
    const verification = await outcomeOf({}, { 5: () => engine.faults.respond('inspect', 500) });
    expect(verification).toMatchObject({ outcome: 'unknown', detail: 'the engine did not answer' });
  });

  it('goes on when the engine is away for a moment', async () => {
    const verification = await outcomeOf({}, { 5: () => engine.faults.respond('inspect', 500, 'busy', 3) });
    expect(verification.outcome).toBe('recovered');
  });

  it('leaves off when the agent is stopped', async () => {
    const stopping = new AbortController();
    const verification = await outcomeOf({}, { 5: () => stopping.abort() }, { signal: stopping.signal });
    expect(verification.outcome).toBe('unknown');
  });
});

describe('verification of a restart that the engine has not answered', () => {
  /** Asked for a minute after the container was started; the agent was killed then, and is back after `awayFor` seconds. */
  async function takenUp(
    container: Omit<SimulatedContainerOptions, 'name'>,
    at: (c: ReturnType<SimulatedEngine['addContainer']>) => Record<number, () => void>,
    {
      asked = false,
      before,
      over,
    }: {
      asked?: boolean;
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
          asked,
          onRestarted: () => {
            restartedAfterMs = now() - NOON * 1_000;
          },
        },
      },
    );
    return { ...verification, restartedAfterMs };
  }

  it('waits for one that the engine is still making, and watches it from there', async () => {
    const verification = await takenUp({}, (c) => ({
      4: () => c.exit(143),
      6: () => c.start(),
    }));
    expect(verification).toMatchObject({ outcome: 'recovered', restartedAfterMs: 6_000, afterMs: 6_000 + STABLE });
  });

  it('says that nothing was restarted where the container still runs as before, once it would have been killed', async () => {
    const verification = await takenUp({}, () => ({}));
    expect(verification).toMatchObject({ outcome: 'error', restartedAfterMs: undefined, afterMs: 18_000 });
    expect(verification.detail).toBe('the engine did not receive the request');
  });

  it('says so of a container that was down before and still is, once it would have been started', async () => {
    const verification = await takenUp({}, () => ({}), {
      before: (c) => {
        seconds -= 5;
        c.exit(1);
      },
    });
    expect(verification).toMatchObject({ outcome: 'error', afterMs: 68_000 });
  });

  it('does not call it a failed restart that a container was stopped meanwhile and stays down: a person may want that', async () => {
    const verification = await takenUp({}, (c) => ({ 1: () => c.exit(143) }));
    expect(verification).toMatchObject({ outcome: 'unknown', afterMs: 68_000 });
  });

  it('does not say that it was not made where the engine was asked: it may still make it', async () => {
    const verification = await takenUp({}, () => ({}), { asked: true });
    expect(verification).toMatchObject({ outcome: 'unknown', afterMs: 18_000 });
  });

  it('does not take the trouble of the life before for the trouble coming back', async () => {
    const verification = await takenUp({}, (c) => ({ 3: () => void c.restart() }), {
      over: { recurred: () => seconds < NOON + 3 },
    });
    expect(verification).toMatchObject({ outcome: 'recovered', restartedAfterMs: 3_000 });
  });

  it('knows nothing where the engine cannot be asked', async () => {
    engine.faults.respond('inspect', 500);
    expect(await takenUp({}, () => ({}))).toMatchObject({
      outcome: 'unknown',
      detail: 'the engine did not answer',
    });
  });
});
