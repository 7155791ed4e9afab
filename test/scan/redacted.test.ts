import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { runScan } from '../../src/scan/scan.ts';
import { alnum, chars, join, pw } from '../redact/corpus-words.ts';

async function scan(argv: string[], stdin: string): Promise<{ code: number; out: string; err: string }> {
  const text = { out: '', err: '' };
  const stdout = new PassThrough().on('data', (chunk) => (text.out += chunk));
  const stderr = new PassThrough().on('data', (chunk) => (text.err += chunk));
  const code = await runScan(argv, { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr });
  return { code, ...text };
}

const KEY = join('gh', 'p_', chars(alnum, 36, 9));

describe('scan --redacted', () => {
  it('prints the text without its secrets, line by line', async () => {
    const { code, out } = await scan(['--redacted', '-'], `started\nERROR password=${pw} refused\n\nkey ${KEY}\n`);
    expect(code).toBe(0);
    expect(out).toBe('started\nERROR password=‹secret:1› refused\n\nkey ‹secret:2›\n');
  });

  it('gives equal secrets equal numbers throughout a large file, and hides those that span two windows', async () => {
    const block = ['-----BEGIN PRIVATE KEY-----', ...Array(30).fill(chars(alnum, 64, 3)), '-----END PRIVATE KEY-----'];
    const filler = Array.from({ length: 3_000 }, (_, i) => `line ${i} ${'of an ordinary log '.repeat(4)}`);
    const lines = [`password=${pw}`, ...filler, ...block, ...filler, `password=${pw}`];
    const { out } = await scan(['--redacted', '-'], lines.join('\n'));
    expect(out.split('\n')).toHaveLength(lines.length + 1);
    expect(out).not.toContain(chars(alnum, 64, 3));
    expect(out.startsWith('password=‹secret:1›\n')).toBe(true);
    expect(out.endsWith('password=‹secret:1›\n')).toBe(true);
  });

  it('hides personal data if requested', async () => {
    expect((await scan(['--redacted', '--personal'], 'from 203.0.113.7\n')).out).toBe('from ‹secret:1›\n');
    expect((await scan(['--redacted'], 'from 203.0.113.7\n')).out).toBe('from 203.0.113.7\n');
  });

  it('replaces a line that the agent would not send by its length', async () => {
    expect((await scan(['--redacted'], `${'x '.repeat(40_000)}\n`)).out).toBe('[a line of 80000 characters]\n');
  });

  it('refuses options that contradict each other', async () => {
    expect((await scan(['--redacted', '--prompt'], '')).code).toBe(64);
    expect((await scan(['--prompt', '--log-lines', '0'], '')).code).toBe(64);
  });
});

describe('scan --prompt', () => {
  const LOG = `2026-11-25T10:00:00Z INFO up\n2026-11-25T10:00:01Z ERROR cannot open the store with password=${pw} at start\n`;

  it('prints the whole question about the first incident, redacted', async () => {
    const { code, out } = await scan(['--prompt', '-'], LOG);
    expect(code).toBe(0);
    expect(out).toContain('You diagnose failures of Docker containers');
    expect(out).toContain('Container: "stdin"');
    expect(out).toContain('2026-11-25T10:00:00Z INFO up');
    expect(out).toContain('password=‹secret:1› at start');
    expect(out).not.toContain(pw);
  });

  it('says that nothing would be asked if there is no incident', async () => {
    const { code, out, err } = await scan(['--prompt', '-'], '2026-11-25T10:00:00Z INFO up\n');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('no incident was found');
  });
});
