import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadIdentity } from '../../src/app/identity.ts';
import { createRecordingLogger } from '../support/watching.ts';

function directory(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'identity-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const load = (
  dataDir: string,
  agentName?: string,
  engine: () => Promise<string | undefined> = async () => undefined,
) => {
  const logger = createRecordingLogger();
  return loadIdentity({ dataDir, agentName, engineHostName: engine, logger }).then((identity) => ({
    identity,
    logger,
  }));
};

it('an agent keeps its id over restarts, and its host is AGENT_NAME or the engine’s host name', async () => {
  const dataDir = path.join(directory(), 'new', 'data');
  const { identity: first } = await load(dataDir, undefined, async () => 'web-1');
  expect(first).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), host: 'web-1' });
  expect((await load(dataDir, 'web-1')).identity).toEqual(first);
  expect(readdirSync(dataDir)).toEqual(['agent.json']);
});

it('an agent keeps its id and its host while the engine does not answer', async () => {
  const dataDir = directory();
  const { identity: first } = await load(dataDir, 'web-1');
  const down = () => Promise.reject(new Error('no engine'));
  expect((await load(dataDir, undefined, down)).identity).toEqual(first);
  const nameless = directory();
  const { identity } = await load(nameless, undefined, down);
  expect(identity).toEqual({ id: identity.id });
  expect((await load(nameless, 'web-1')).identity).toEqual({ id: identity.id, host: 'web-1' });
});

it('a data directory that was copied to another host is noticed: that agent gets an id of its own', async () => {
  const original = directory();
  const { identity: first } = await load(original, 'web-1');
  const copy = directory();
  writeFileSync(path.join(copy, 'agent.json'), readFileSync(path.join(original, 'agent.json')));
  const { identity: second, logger } = await load(copy, 'web-2');
  expect(second.id).not.toBe(first.id);
  expect(second.host).toBe('web-2');
  expect(JSON.stringify(logger.records)).toContain('DATA_DIR was last used on another host');
  expect((await load(copy, 'web-2')).identity).toEqual(second);
});

it.each(['', '{', '{"id":"../../etc"}', '[]', 'null'])('a damaged file %j is replaced', async (content) => {
  const dataDir = directory();
  writeFileSync(path.join(dataDir, 'agent.json'), content);
  const { identity } = await load(dataDir, 'web-1');
  expect((await load(dataDir, 'web-1')).identity).toEqual(identity);
});

it('an agent whose directory cannot be written starts with an id for this run', async () => {
  const file = path.join(directory(), 'a-file');
  writeFileSync(file, '');
  const { identity, logger } = await load(path.join(file, 'data'), 'web-1');
  expect(identity.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(JSON.stringify(logger.records)).toContain('could not be kept');
});
