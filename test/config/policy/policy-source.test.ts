import { describe, expect, it } from 'vitest';
import { parsePolicyFile } from '../../../src/config/policy/parse.ts';
import { createPolicySource } from '../../../src/config/policy/policy-source.ts';
import { aContainer, DEFAULT_POLICY } from '../../support/domain.ts';
import { eventually } from '../../support/eventually.ts';

const rule = (restart: string) => `rules:\n  - match: { name: web-1 }\n    restart: ${restart}\n`;

function sourceOf(text: string) {
  const file = { text: text as string | undefined, version: 1 };
  const logged: string[] = [];
  const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const parsed = parsePolicyFile(text);
  const source = createPolicySource({
    path: 'policy.yaml',
    rules: parsed.ok ? parsed.rules : [],
    defaults: DEFAULT_POLICY,
    files: {
      read: async () => file.text ?? Promise.reject(new Error('ENOENT: no such file')),
      version: async () => (file.text === undefined ? undefined : String(file.version)),
    },
    clock: { now: Date.now, monotonic: Date.now, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    logger: { debug: log, info: log, warn: log, error: log },
  });
  const write = (next: string | undefined) => {
    file.text = next;
    file.version += 1;
  };
  return { source, logged, write, restart: () => source.policyOf(aContainer()).values.restart };
}

describe('the policy in force', () => {
  it('is initially that of the file when the agent started', () => {
    expect(sourceOf(rule('never')).restart()).toBe('never');
  });

  it('follows the file on reload', async () => {
    const { source, write, restart } = sourceOf(rule('never'));
    expect(restart()).toBe('never');
    write(rule('ask'));
    await source.reload();
    expect(restart()).toBe('ask');
    expect(source.lastReloadSuccessful()).toBe(true);
  });

  it.each([
    ['invalid', 'rules: nonsense'],
    ['empty', ''],
    ['half-written', 'rules:\n  - match: { name: we'],
    ['missing', undefined],
  ])('does not change if the file is %s, and the log says why', async (_, text) => {
    const { source, logged, write, restart } = sourceOf(rule('never'));
    write(text);
    await source.reload();
    expect(restart()).toBe('never');
    expect(source.lastReloadSuccessful()).toBe(false);
    expect(logged.join('\n')).toMatch(/the previous rules stay in force.*(line \d+|ENOENT)/);
    write(rule('ask'));
    await source.reload();
    expect(restart()).toBe('ask');
    expect(source.lastReloadSuccessful()).toBe(true);
  });

  it('follows the file once it has stopped changing', async () => {
    const { source, write, restart } = sourceOf(rule('never'));
    const stopped = new AbortController();
    const watching = source.watch(stopped.signal);
    write(rule('ask'));
    await eventually(() => (restart() === 'ask' ? true : undefined), { deadlineMs: 60_000, everyMs: 5 });
    write(undefined);
    await eventually(() => (source.lastReloadSuccessful() ? undefined : true), { deadlineMs: 60_000, everyMs: 5 });
    expect(restart()).toBe('ask');
    stopped.abort();
    await watching;
  });

  it('leads to one warning about an invalid label', () => {
    const { source, logged } = sourceOf(rule('ask'));
    for (let i = 0; i < 3; i++) source.policyOf(aContainer({ labels: { 'container-doctor.grace': 'long' } }));
    expect(logged.filter((line) => line.includes('container-doctor.grace'))).toHaveLength(1);
  });

  it('is resolved once per container', () => {
    const { source } = sourceOf(rule('ask'));
    const listed = () => aContainer({ labels: { 'container-doctor.grace': '10s' } });
    expect(source.policyOf(listed())).toBe(source.policyOf(listed()));
  });
});
