import { describe, expect, it } from 'vitest';
import { recordAgentAbsence, recordEngineAbsences } from '../../src/app/absences.ts';
import { NOON, open, recordingLogger, SECOND, temporaryDirectory } from '../store/support.ts';
import { createSteppedClock } from './stepped-clock.ts';

const at = (now: number) => ({ now: () => now, monotonic: () => now, sleep: async () => {} });

async function aStore() {
  const store = await open(await temporaryDirectory());
  const absences = async () => (await store.timeline({ from: 0, to: NOON * 2 }, {}, 1)).absences;
  return { store, absences };
}

describe('the absence of the agent', () => {
  it('lasts from when it last ran until it starts', async () => {
    const { store, absences } = await aStore();
    await store.saveLastRun(NOON - 60 * SECOND);
    await recordAgentAbsence({ store, clock: at(NOON), logger: recordingLogger() });
    expect(await absences()).toEqual([{ kind: 'agent_stopped', from: NOON - 60 * SECOND, to: NOON }]);
  });

  it.each([
    ['it never ran before', undefined],
    ['it was only restarted', NOON - 9 * SECOND],
    ['the clock was set back', NOON + 60 * SECOND],
  ])('is not recorded if %s', async (_, lastRun) => {
    const { store, absences } = await aStore();
    if (lastRun !== undefined) await store.saveLastRun(lastRun);
    await recordAgentAbsence({ store, clock: at(NOON), logger: recordingLogger() });
    expect(await absences()).toEqual([]);
  });

  it('ends an absence of the engine that an earlier run left open', async () => {
    const { store, absences } = await aStore();
    await store.saveLastRun(NOON - 5 * SECOND);
    await store.saveAbsence({ kind: 'engine_unreachable', from: NOON - 90 * SECOND });
    await recordAgentAbsence({ store, clock: at(NOON), logger: recordingLogger() });
    expect(await absences()).toEqual([{ kind: 'engine_unreachable', from: NOON - 90 * SECOND, to: NOON }]);
  });

  it('does not keep the agent from starting if the store fails', async () => {
    const { store } = await aStore();
    await store.close();
    const logger = recordingLogger();
    await recordAgentAbsence({ store, clock: at(NOON), logger });
    expect(logger.lines).toHaveLength(1);
  });
});

describe('the absence of the engine', () => {
  /** The engine answers in the seconds for which `answers` is true. */
  async function run(seconds: number, answers: (second: number) => boolean) {
    const { store, absences } = await aStore();
    const { clock, ended, elapsedSeconds } = createSteppedClock(seconds);
    let saved = 0;
    await recordEngineAbsences(
      {
        store: {
          ...store,
          saveAbsence: (absence) => {
            saved += 1;
            return store.saveAbsence(absence);
          },
        },
        clock: { ...clock, now: () => NOON + elapsedSeconds() * SECOND },
        logger: recordingLogger(),
        isConnected: () => answers(elapsedSeconds()),
      },
      ended,
    );
    return { absences: await absences(), saved };
  }

  it('is recorded after ten seconds, and ends when the engine answers', async () => {
    const { absences, saved } = await run(60, (second) => second < 5 || second >= 40);
    expect(absences).toEqual([{ kind: 'engine_unreachable', from: NOON + 5 * SECOND, to: NOON + 40 * SECOND }]);
    expect(saved).toBe(2);
  });

  it('is not recorded if it is shorter', async () => {
    const { absences } = await run(60, (second) => second % 10 !== 0);
    expect(absences).toEqual([]);
  });

  it('is shown while it lasts', async () => {
    const { absences } = await run(60, () => false);
    expect(absences).toEqual([{ kind: 'engine_unreachable', from: NOON }]);
  });

  it('is recorded each time', async () => {
    const { absences } = await run(100, (second) => second % 50 >= 30);
    expect(absences.map(({ from }) => (from - NOON) / SECOND)).toEqual([0, 50]);
  });
});
