import { describe, expect, it } from 'vitest';
import type { ContainerRef, EngineEvent } from '../../../src/domain/containers.ts';
import { isBeingReplaced, pruneRemoved } from '../../../src/pipeline/lifecycle/deployment.ts';
import { createRecords } from '../../../src/pipeline/lifecycle/record.ts';
import { aContainer } from '../../support/domain.ts';
import { aLifecycle, listed } from './support.ts';

const ID = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

describe('a deployment', () => {
  const event = (kind: 'create' | 'destroy', id: string, time: number, over = {}): EngineEvent => ({
    time,
    containerId: id,
    container: aContainer({ id, ...over }),
    action: { kind },
  });
  const deployedAfter = (...events: EngineEvent[]) => {
    const lifecycle = aLifecycle();
    for (const seen of events) lifecycle.observe(seen);
    return lifecycle.of(ID).deployedAt;
  };

  it('is a container that replaces another one of its service, in either order', () => {
    expect(deployedAfter(event('destroy', OTHER, 1_000), event('create', ID, 2_000))).toBe(2_000);
    expect(deployedAfter(event('create', ID, 1_000), event('destroy', OTHER, 2_000))).toBe(1_000);
  });

  it('is not a container of a new service, nor a replica beside others', () => {
    expect(deployedAfter(event('create', ID, 1_000))).toBeUndefined();
    expect(deployedAfter(event('create', OTHER, 500), event('create', ID, 1_000))).toBeUndefined();
  });

  it('is not a container that replaces one of another service', () => {
    expect(
      deployedAfter(event('destroy', OTHER, 1_000, { service: 'api' }), event('create', ID, 2_000)),
    ).toBeUndefined();
  });

  it('is not a container created long after another one was removed', () => {
    const old = event('destroy', OTHER, 1_000);
    expect(deployedAfter(old, event('create', ID, 1_000 + 11 * 60_000))).toBeUndefined();
  });

  it('has at most ten minutes between the removal and the creation, in either order', () => {
    const [removed, created] = [event('destroy', OTHER, 1_000), event('create', ID, 1_000)];
    expect(deployedAfter(removed, event('create', ID, 601_000))).toBe(601_000);
    expect(deployedAfter(removed, event('create', ID, 601_001))).toBeUndefined();
    expect(deployedAfter(created, event('destroy', OTHER, 601_000))).toBe(1_000);
    expect(deployedAfter(created, event('destroy', OTHER, 601_001))).toBeUndefined();
  });

  it('is known although the removed container is no longer watched', () => {
    const lifecycle = aLifecycle();
    lifecycle.observe(event('destroy', OTHER, 1_000));
    lifecycle.forget(OTHER);
    lifecycle.observe(event('create', ID, 2_000));
    expect(lifecycle.of(ID).deployedAt).toBe(2_000);
  });

  it('is not confused by a container that the agent restarts and of which no event was seen', () => {
    const lifecycle = aLifecycle();
    lifecycle.expectRestart('unseen');
    lifecycle.observe(event('create', ID, 2_000));
    expect(lifecycle.of(ID).deployedAt).toBeUndefined();
  });

  it('needs removed containers for ten minutes; then they are forgotten', () => {
    const records = createRecords();
    records.use('removed').removedAt = 1_000;
    records.use('present');
    pruneRemoved(records, 601_000);
    expect(records.get('removed')).toBeDefined();
    pruneRemoved(records, 601_001);
    expect(Array.from(records.entries(), ([id]) => id)).toEqual(['present']);
  });

  it('is known although an earlier run of the agent saw it', () => {
    const lifecycle = aLifecycle();
    lifecycle.recall(event('destroy', OTHER, 1_000));
    lifecycle.recall(event('create', ID, 2_000));
    expect(lifecycle.of(ID).deployedAt).toBe(2_000);
  });
});

describe('a recreation by compose', () => {
  const old = aContainer({ name: 'shop-web-1' });

  it('is recognised by the temporary name of the new container', () => {
    const fresh = aContainer({ id: OTHER, name: `${ID.slice(0, 12)}_shop-web-1` });
    expect(isBeingReplaced(old, [listed(old), listed(fresh, 'created')])).toBe(true);
    expect(isBeingReplaced(fresh, [listed(fresh)])).toBe(true);
  });

  it('is recognised by the label of a new container of the service', () => {
    const fresh = aContainer({ id: OTHER, name: 'x', labels: { 'com.docker.compose.replace': ID } });
    expect(isBeingReplaced(old, [listed(old), listed(fresh, 'created')])).toBe(true);
  });

  it('is not any other creation', () => {
    const created = (over: Partial<ContainerRef>) => [
      listed(old),
      listed(aContainer({ id: OTHER, ...over }), 'created'),
    ];
    const label = { 'com.docker.compose.replace': ID };
    expect(isBeingReplaced(old, created({ name: 'shop-web-2' }))).toBe(false);
    expect(isBeingReplaced(old, created({ name: 'shop-api-1', service: 'api', labels: label }))).toBe(false);
    expect(isBeingReplaced(old, [listed(aContainer({ name: old.name, labels: label }), 'created')])).toBe(false);
    expect(isBeingReplaced(aContainer({ name: `my-${ID.slice(0, 12)}_web` }), [])).toBe(false);
  });

  it('is over once the new one runs', () => {
    const running = aContainer({ id: OTHER, name: 'x', labels: { 'com.docker.compose.replace': ID } });
    expect(isBeingReplaced(old, [listed(old), listed(running)])).toBe(false);
    const fresh = aContainer({ id: OTHER, name: 'shop-web-1', labels: { 'com.docker.compose.replace': ID } });
    expect(isBeingReplaced(fresh, [listed(fresh)])).toBe(false);
    expect(isBeingReplaced(old, [listed(old), listed(aContainer({ id: OTHER, name: 'shop-web-2' }))])).toBe(false);
  });
});
