import { describe, expect, it } from 'vitest';
import { createKnownContainers } from '../../src/app/known-containers.ts';
import type { ContainerRef, EngineEvent, ListedContainer } from '../../src/domain/containers.ts';
import { resolvePolicy } from '../../src/pipeline/policy/resolve.ts';
import { aContainer, DEFAULT_POLICY } from '../support/domain.ts';

const ref = (name: string, over: Partial<ContainerRef> = {}) =>
  aContainer({ id: name.padEnd(64, '0'), name, service: name, image: `shop/${name}:1`, ...over });
const listed = (container: ContainerRef, over: Partial<ListedContainer> = {}) =>
  ({ ref: container, status: 'running', health: 'none', networkMode: 'shop', ...over }) as ListedContainer;
const event = (container: ContainerRef, action: EngineEvent['action']): EngineEvent => ({
  time: 0,
  containerId: container.id,
  container,
  action,
});

function create() {
  return createKnownContainers({
    policyOf: (container) => resolvePolicy(container, [], DEFAULT_POLICY),
    habitsOf: ({ name }) => (name === 'web' ? [{ fingerprint: 'f', perHour: 2, since: 0 }] : []),
  });
}

describe('the known containers', () => {
  it('are those that the engine lists, by name, with policy, sources and habits', () => {
    const known = create();
    const web = ref('web', { labels: { 'container-doctor.restart': 'never', 'container-doctor.grace': 'long' } });
    known.listed([listed(web, { health: 'healthy' }), listed(ref('api'), { status: 'paused' })]);
    const all = known.all(new Set([web.id]));
    expect(all).toMatchObject([
      { ref: { name: 'api' }, status: 'paused', isWatched: false, habits: [], warnings: [] },
      { ref: { name: 'web' }, status: 'running', health: 'healthy', isWatched: true, habits: [{ perHour: 2 }] },
    ]);
    const [, shown] = all;
    const restart = shown?.policy.find(({ setting }) => setting === 'restart');
    expect(restart).toMatchObject({ value: 'never', source: { kind: 'label' } });
    expect(shown?.policy.find(({ setting }) => setting === 'log-lines')?.source.kind).toBe('default');
    expect(shown?.warnings).toHaveLength(1);
  });

  it('change with each event, until the next list', () => {
    const known = create();
    const web = ref('web');
    const one = () => known.all(new Set())[0];
    known.listed([listed(web)]);
    known.observe(event(web, { kind: 'die', exitCode: 1 }));
    expect(one()?.status).toBe('exited');
    known.observe(event(web, { kind: 'start' }));
    known.observe(event(web, { kind: 'health', status: 'unhealthy' }));
    expect(one()).toMatchObject({ status: 'running', health: 'unhealthy' });
    known.observe(event(web, { kind: 'pause' }));
    expect(one()?.status).toBe('paused');
    known.observe(event(web, { kind: 'destroy' }));
    expect(known.all(new Set())).toEqual([]);
    known.listed([listed(web)]);
    expect(one()?.status).toBe('running');
  });

  it('include one that was created since the list', () => {
    const known = create();
    known.listed([]);
    known.observe(event(ref('web'), { kind: 'create' }));
    expect(known.all(new Set())).toMatchObject([{ ref: { name: 'web' }, status: 'created', health: 'none' }]);
  });

  it('know which image a service ran before its container was replaced', () => {
    const known = create();
    const old = ref('web');
    const next = ref('web', { id: 'b'.repeat(64), image: 'shop/web:2' });
    known.listed([listed(old)]);
    expect(known.previousImage(old)).toBeUndefined();
    known.observe(event(next, { kind: 'create' }));
    known.observe(event(next, { kind: 'start' }));
    expect(known.previousImage(next)).toBe('shop/web:1');
    // A restart is no replacement.
    known.observe(event(next, { kind: 'start' }));
    known.listed([listed(next)]);
    expect(known.previousImage(next)).toBe('shop/web:1');
    expect(known.previousImage(old)).toBeUndefined();
  });
});
