import { beforeEach, describe, expect, it } from 'vitest';
import { createSourceTracker, describeSource, type SourceTracker } from '../../src/docker/sources.ts';
import { EngineError, type EngineReason } from '../../src/errors.ts';

const MINUTE = 60_000;
const failure = (reason: EngineReason, status?: number) => new EngineError('it failed', reason, undefined, status);

let now: number;
let tracker: SourceTracker;
beforeEach(() => {
  now = 1_000;
  tracker = createSourceTracker({ now: () => now, monotonic: () => now });
});
const logs = () => tracker.states().logs;

describe('a source', () => {
  it('is ok at the start', () => {
    expect(new Set(Object.values(tracker.states()).map(({ kind }) => kind))).toEqual(new Set(['ok']));
  });

  it('is refused at once, with the status and since when, until a request succeeds', () => {
    tracker.requested('logs', failure('forbidden', 403));
    now += MINUTE;
    tracker.requested('logs', failure('forbidden', 405));
    expect(logs()).toEqual({ kind: 'refused', status: 405, since: 1_000 });
    expect(tracker.states().inspect).toEqual({ kind: 'ok' });
    tracker.requested('logs');
    expect(logs()).toEqual({ kind: 'ok' });
  });

  it('is failing when no request has succeeded for a while', () => {
    tracker.requested('logs', failure('timeout'));
    expect(logs()).toEqual({ kind: 'ok' });
    now += 2 * MINUTE;
    expect(logs()).toEqual({ kind: 'failing', reason: 'timeout', since: 1_000 });
    tracker.requested('logs');
    expect(logs()).toEqual({ kind: 'ok' });
  });

  it('is ok while a stream is open, although requests for another container fail', () => {
    tracker.requested('logs');
    tracker.streamOpened('logs');
    tracker.requested('logs', failure('server_error', 501));
    now += 2 * MINUTE;
    expect(logs()).toEqual({ kind: 'ok' });
    tracker.streamClosed('logs');
    expect(logs()).toMatchObject({ kind: 'failing' });
  });

  it.each(['not_found', 'conflict'] as const)('is ok if the engine answers about a container with %s', (reason) => {
    tracker.requested('restart', failure('forbidden', 403));
    tracker.requested('restart', failure(reason, 404));
    expect(tracker.states().restart).toEqual({ kind: 'ok' });
  });

  it('is described with its request, the status and the consequence', () => {
    tracker.requested('logs', failure('forbidden', 403));
    expect(describeSource('logs', logs())).toBe(
      'the engine refuses GET /containers/{id}/logs (HTTP 403): errors in logs are missed',
    );
  });
});
