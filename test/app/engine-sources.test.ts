import { expect, it } from 'vitest';
import { notifyAboutSources, sourceProblems } from '../../src/app/engine-sources.ts';
import type { SourceState, SourceStates } from '../../src/docker/sources.ts';
import type { EngineSource } from '../../src/pipeline/observer.ts';
import type { Notice } from '../../src/pipeline/ports/receiver.ts';
import { createSteppedClock } from './stepped-clock.ts';

const OK: SourceState = { kind: 'ok' };
const REFUSED: SourceState = { kind: 'refused', status: 403, since: 0 };
const FAILING: SourceState = { kind: 'failing', reason: 'timeout', since: 0 };

const states = (over: Partial<Record<EngineSource, SourceState>> = {}): SourceStates => ({
  list: OK,
  events: OK,
  logs: OK,
  inspect: OK,
  restart: OK,
  ...over,
});

/** Returns the notices. `course`: the states of the sources, one entry per 10 s. */
async function noticesDuring(
  course: readonly Partial<Record<EngineSource, SourceState>>[],
  isConnected = true,
): Promise<Notice[]> {
  const notices: Notice[] = [];
  const { clock, elapsedSeconds, ended } = createSteppedClock(course.length * 10);
  await notifyAboutSources(
    {
      states: () => states(course[Math.floor(elapsedSeconds() / 10)]),
      isConnected: () => isConnected,
      notify: (notice) => void notices.push(notice),
      clock,
    },
    ended,
  );
  return notices;
}

it('announces once that requests are refused, and once that they are granted again', async () => {
  const refused = { logs: REFUSED, inspect: REFUSED };
  const notices = await noticesDuring([{}, refused, refused, refused, {}, {}, {}]);
  expect(notices.map(({ title }) => title)).toEqual([
    'The Docker engine does not grant what Container Doctor needs',
    'The Docker engine grants these requests again',
  ]);
  expect(notices[0]?.text).toContain('GET /containers/{id}/logs (HTTP 403)');
  expect(notices[0]?.text).toContain('GET /containers/{id}/json (HTTP 403)');
  expect(notices[1]?.text).toBe('GET /containers/{id}/logs, GET /containers/{id}/json');
});

it('does not announce a refusal that lasts less than ten seconds', async () => {
  expect(await noticesDuring([{}, { logs: REFUSED }, {}, { logs: REFUSED }, {}])).toEqual([]);
});

it('does not report failing requests while the engine is disconnected', async () => {
  const course = Array.from({ length: 5 }, () => ({ list: FAILING, logs: FAILING }));
  expect(await noticesDuring(course, false)).toEqual([]);
  expect(await noticesDuring(course, true)).toHaveLength(1);
  expect(sourceProblems(states({ logs: FAILING }), false)).toEqual([]);
  expect(sourceProblems(states({ logs: FAILING }), true)).toEqual([
    'GET /containers/{id}/logs fails (timeout): errors in logs are missed',
  ]);
});
