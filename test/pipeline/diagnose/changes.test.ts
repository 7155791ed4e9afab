import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import { createConfigurationHistory } from '../../../src/pipeline/diagnose/changes.ts';
import { aContainer, someFacts } from '../../support/domain.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const START = 10 * DAY;
const container = (id: string, hash = 'h1') =>
  aContainer({ id: id.repeat(64), project: 'shop', labels: { 'com.docker.compose.config-hash': hash } });
const facts = (over: Partial<ContainerFacts> = {}) =>
  someFacts({
    image: 'shop/web:1',
    imageId: `sha256:${'1'.repeat(64)}`,
    environmentNames: ['PATH', 'DB_HOST'],
    memoryLimit: 512 * 2 ** 20,
    settings: { cpuLimit: 2, pidsLimit: 0, mounts: ['data:/data'] },
    startedAt: START,
    ...over,
  });

describe('what changed', () => {
  it('is unknown for a service that was never inspected', () => {
    expect(createConfigurationHistory().changesOf(container('a'), START)).toBeUndefined();
  });

  it('is nothing since the service is known, if it is the same after it was recreated', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('b'), facts({ startedAt: START + DAY }), START + DAY);
    expect(history.changesOf(container('b'), START + DAY)).toEqual({ changes: [], from: START, to: START });
  });

  it('names every setting, with the time between the two configurations', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('a'), facts(), START + DAY);
    history.inspected(
      container('b', 'h2'),
      facts({
        image: 'shop/web:2',
        imageId: `sha256:${'2'.repeat(64)}`,
        commandKey: '11111111',
        environmentNames: ['PATH', 'DATABASE_URL'],
        memoryLimit: 64 * 2 ** 20,
        settings: { cpuLimit: 0, pidsLimit: 50, mounts: ['data:/data:ro'] },
        topology: {
          networks: [{ name: 'shop_default', address: '', aliases: [] }],
          links: [],
          dependsOn: [],
          environmentHosts: [],
        },
        startedAt: START + DAY + 5_000,
      }),
      START + DAY + 6_000,
    );
    expect(history.changesOf(container('b'), START + DAY + MINUTE)).toEqual({
      from: START + DAY,
      to: START + DAY + 6_000,
      changes: [
        { setting: 'image', before: 'shop/web:1', after: 'shop/web:2' },
        { setting: 'image id', before: '111111111111', after: '222222222222' },
        { setting: 'command' },
        { setting: 'environment variables', added: ['DATABASE_URL'], removed: ['DB_HOST'] },
        { setting: 'memory limit', before: '512 MiB', after: '64 MiB' },
        { setting: 'CPU limit', before: '2', after: 'none' },
        { setting: 'limit of processes', before: 'none', after: '50' },
        { setting: 'mounts', added: ['data:/data:ro'], removed: ['data:/data'] },
        { setting: 'networks', added: ['shop_default'], removed: [] },
        { setting: 'configuration of the service in compose (its hash; values of variables count too)' },
      ],
    });
  });

  const memoryBefore = (history: ReturnType<typeof createConfigurationHistory>, now: number) =>
    history.changesOf(container('a'), now)?.changes[0]?.before;

  it('is compared with the last configuration that lasted, not with an attempt to repair a bad one', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    for (const [i, memory] of [
      [1, 64],
      [2, 32],
    ] as const) {
      const at = START + DAY + i * MINUTE;
      history.inspected(container('b'), facts({ memoryLimit: memory * 2 ** 20, startedAt: at }), at);
    }
    expect(memoryBefore(history, START + DAY + 3 * MINUTE)).toBe('512 MiB');
  });

  it('is compared with the configuration before, if that was in force for ten minutes', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('b'), facts({ memoryLimit: 64 * 2 ** 20, startedAt: START + DAY }), START + DAY);
    const later = START + DAY + 10 * MINUTE;
    history.inspected(container('c'), facts({ memoryLimit: 32 * 2 ** 20, startedAt: later }), later);
    expect(memoryBefore(history, later)).toBe('64 MiB');
  });

  it('is nothing after a rollback', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('b'), facts({ memoryLimit: 1, startedAt: START + DAY }), START + DAY);
    history.inspected(container('c'), facts({ startedAt: START + DAY + 1 }), START + DAY + 1);
    expect(history.changesOf(container('c'), START + DAY + 2)?.changes).toEqual([]);
  });

  it('does not depend on the old container, which may be inspected again during a rolling update', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('b'), facts({ memoryLimit: 1, startedAt: START + DAY }), START + DAY);
    history.inspected(container('a'), facts(), START + DAY + 1);
    expect(history.changesOf(container('a'), START + DAY + 2)?.changes).toHaveLength(1);
  });

  it('is not told after a week', () => {
    const history = createConfigurationHistory();
    history.inspected(container('a'), facts(), START);
    history.inspected(container('a'), facts({ memoryLimit: 1 }), START + DAY);
    expect(history.changesOf(container('a'), START + 8 * DAY)).toBeDefined();
    expect(history.changesOf(container('a'), START + 8 * DAY + 1)).toBeUndefined();
  });

  it('is remembered of at most a thousand services', () => {
    const history = createConfigurationHistory();
    for (let i = 0; i <= 1_000; i++) history.inspected(aContainer({ service: `s${i}` }), facts(), START);
    expect(history.changesOf(aContainer({ service: 's0' }), START)).toBeUndefined();
    expect(history.changesOf(aContainer({ service: 's1' }), START)).toBeDefined();
  });
});
