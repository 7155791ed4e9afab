import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../../src/domain/containers.ts';
import { createTimeline, TIMELINE_MS } from '../../../src/pipeline/diagnose/timeline.ts';
import { aContainer } from '../../support/domain.ts';

const NOW = 100_000_000;
const web = aContainer({ project: 'shop', service: 'web', name: 'shop-web-1' });
const db = aContainer({ id: 'd'.repeat(64), project: 'shop', service: 'db', name: 'shop-db-1' });
const event = (container: typeof web, action: EngineEvent['action'], time: number): EngineEvent => ({
  container,
  containerId: container.id,
  action,
  time,
});

describe('the timeline', () => {
  it('has the events of the given services of the last 15 minutes, oldest first', () => {
    const timeline = createTimeline();
    timeline.observe(event(db, { kind: 'start' }, NOW - TIMELINE_MS - 1));
    timeline.observe(event(db, { kind: 'die', exitCode: 137 }, NOW - 2_000));
    timeline.observe(event(web, { kind: 'health', status: 'unhealthy' }, NOW - 1_000));
    timeline.observe(event(db, { kind: 'kill', signal: 9 }, NOW - 3_000));
    timeline.observe(event(aContainer({ service: 'other' }), { kind: 'oom' }, NOW));
    expect(timeline.of([web, db], NOW)).toEqual([
      { at: NOW - 3_000, container: 'shop-db-1', what: 'was sent signal 9' },
      { at: NOW - 2_000, container: 'shop-db-1', what: 'ended with exit code 137' },
      { at: NOW - 1_000, container: 'shop-web-1', what: 'health: unhealthy' },
    ]);
  });

  it('has the events of a container that was replaced by another one of the same service', () => {
    const timeline = createTimeline();
    timeline.observe(event({ ...web, id: 'e'.repeat(64) }, { kind: 'destroy' }, NOW - 10));
    timeline.observe(event(web, { kind: 'create' }, NOW - 5));
    expect(timeline.of([web], NOW).map(({ what }) => what)).toEqual(['removed', 'created']);
  });

  it('is bounded for each service, so that a crash loop does not displace the events of others', () => {
    const timeline = createTimeline();
    timeline.observe(event(db, { kind: 'pause' }, NOW - 5_000));
    for (let i = 0; i < 1_000; i++) timeline.observe(event(web, { kind: 'die', exitCode: i }, NOW - 1_000 + i));
    const entries = timeline.of([web, db], NOW);
    expect(entries).toHaveLength(41);
    expect(entries[0]?.what).toBe('paused');
    expect(entries.at(-1)?.what).toBe('ended with exit code 999');
  });

  it('forgets the services whose last event is the oldest', () => {
    const timeline = createTimeline();
    for (let i = 0; i <= 1_000; i++) {
      timeline.observe(event(aContainer({ service: `s${i}` }), { kind: 'start' }, NOW));
    }
    expect(timeline.of([aContainer({ service: 's0' })], NOW)).toEqual([]);
    expect(timeline.of([aContainer({ service: 's1' })], NOW)).toHaveLength(1);
  });
});
