import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createConfigurationHistory } from '../../../src/pipeline/diagnose/changes.ts';
import { keepConfigurations } from '../../../src/pipeline/diagnose/kept-configurations.ts';
import { openStore } from '../../../src/store/store.ts';
import { aContainer, someFacts } from '../../support/domain.ts';
import { createRecordingLogger } from '../../support/watching.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), 'configurations-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const web = aContainer();
const withMemory = (mib: number, startedAt = 0) => someFacts({ memoryLimit: mib * 2 ** 20, startedAt });

async function aStore() {
  const logger = createRecordingLogger();
  return { logger, store: await openStore({ where: { dataDir }, receivers: ['console'], now: Date.now, logger }) };
}

it('what changed is known after a restart of the agent', async () => {
  const { store, logger } = await aStore();
  const first = createConfigurationHistory();
  first.inspected(web, withMemory(512), 1_000);
  await keepConfigurations(first, store, logger).save();

  const second = createConfigurationHistory();
  await keepConfigurations(second, store, logger).load();
  second.inspected(web, withMemory(64, 5_000), 6_000);
  expect(second.changesOf(web, 7_000)).toEqual({
    changes: [{ setting: 'memory limit', before: '512 MiB', after: '64 MiB' }],
    from: 1_000,
    to: 6_000,
  });
  await store.close();
});

it('the configurations are written only when one has changed', async () => {
  const history = createConfigurationHistory();
  const written: string[] = [];
  const store = {
    loadConfigurations: async () => undefined,
    saveConfigurations: async (json: string) => void written.push(json),
  };
  const kept = keepConfigurations(history, store, createRecordingLogger());
  await kept.save();
  history.inspected(web, withMemory(512), 1_000);
  await kept.save();
  history.inspected(web, withMemory(512), 2_000);
  await kept.save();
  expect(written).toHaveLength(1);
});

it.each(['', 'null', '{"format":2,"entries":7}', '{"format":1}'])(
  'stored configurations that read %j are ignored',
  async (json) => {
    const { store, logger } = await aStore();
    await store.saveConfigurations(json);
    const history = createConfigurationHistory();
    await keepConfigurations(history, store, logger).load();
    history.inspected(web, withMemory(512), 1_000);
    expect(history.changesOf(web, 1_000)?.changes).toEqual([]);
    await store.close();
  },
);
