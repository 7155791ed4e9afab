import { describe, expect, it } from 'vitest';
import { parsePolicyFile } from '../../../src/config/policy/file.ts';
import { createPolicyBook } from '../../../src/config/policy/policies.ts';
import { aContainer, DEFAULT_POLICY } from '../../support/domain.ts';
import { eventually } from '../../support/eventually.ts';

const rule = (restart: string) => `rules:\n  - match: { name: web-1 }\n    restart: ${restart}\n`;

function bookOf(text: string) {
  const file = { text: text as string | undefined, version: 1 };
  const said: string[] = [];
  const say = (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields ?? {})}`);
  const parsed = parsePolicyFile(text);
  const book = createPolicyBook({
    path: 'policy.yaml',
    rules: parsed.ok ? parsed.rules : [],
    defaults: DEFAULT_POLICY,
    files: {
      read: async () => file.text ?? Promise.reject(new Error('ENOENT: no such file')),
      version: async () => (file.text === undefined ? undefined : String(file.version)),
    },
    clock: { now: Date.now, monotonic: Date.now, sleep: () => new Promise((resolve) => setImmediate(resolve)) },
    logger: { debug: say, info: say, warn: say, error: say },
  });
  const write = (next: string | undefined) => {
    file.text = next;
    file.version += 1;
  };
  return { book, said, write, restart: () => book.policyOf(aContainer()).values.restart };
}

describe('the policy in force', () => {
  it('is that of the file when the agent started', () => {
    expect(bookOf(rule('never')).restart()).toBe('never');
  });

  it('follows the file on reload', async () => {
    const { book, write, restart } = bookOf(rule('never'));
    expect(restart()).toBe('never');
    write(rule('ask'));
    await book.reload();
    expect(restart()).toBe('ask');
    expect(book.lastReloadSuccessful()).toBe(true);
  });

  it.each([
    ['bad', 'rules: nonsense'],
    ['empty', ''],
    ['half-written', 'rules:\n  - match: { name: we'],
    ['gone', undefined],
  ])('stays as it was when the file is %s, and the log says why', async (_, text) => {
    const { book, said, write, restart } = bookOf(rule('never'));
    write(text);
    await book.reload();
    expect(restart()).toBe('never');
    expect(book.lastReloadSuccessful()).toBe(false);
    expect(said.join('\n')).toMatch(/the rules read before stand.*(line \d+|ENOENT)/);
    write(rule('ask'));
    await book.reload();
    expect(restart()).toBe('ask');
    expect(book.lastReloadSuccessful()).toBe(true);
  });

  it('follows the file by itself, once it no longer changes', async () => {
    const { book, write, restart } = bookOf(rule('never'));
    const stopped = new AbortController();
    const watching = book.watch(stopped.signal);
    write(rule('ask'));
    await eventually(() => (restart() === 'ask' ? true : undefined), { deadlineMs: 5_000, everyMs: 5 });
    write(undefined);
    await eventually(() => (book.lastReloadSuccessful() ? undefined : true), { deadlineMs: 5_000, everyMs: 5 });
    expect(restart()).toBe('ask');
    stopped.abort();
    await watching;
  });

  it('warns of a bad label once, however often it is asked', () => {
    const { book, said } = bookOf(rule('ask'));
    for (let i = 0; i < 3; i++) book.policyOf(aContainer({ labels: { 'container-doctor.grace': 'long' } }));
    expect(said.filter((line) => line.includes('container-doctor.grace'))).toHaveLength(1);
  });

  it('resolves the policy of a container once, however often it is listed', () => {
    const { book } = bookOf(rule('ask'));
    const listed = () => aContainer({ labels: { 'container-doctor.grace': '10s' } });
    expect(book.policyOf(listed())).toBe(book.policyOf(listed()));
  });
});
