import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRedactor, redactText } from '../../src/redact/redactor.ts';
import { ACCESS_KEY_ID, NEAR_MISSES, pemBlock, SECRETS } from './corpus.ts';
import { HOSTILE_SEEDS, repeated } from './hostile.ts';

const { redact } = createRedactor();
const one = async (text: string, secrets: string[] = []) => (await redact([text], secrets)).texts[0] as string;

describe('secrets in log lines', () => {
  it('are at least 200, and so are lines without a secret', () => {
    expect(SECRETS.length).toBeGreaterThanOrEqual(200);
    expect(new Set(NEAR_MISSES).size).toBeGreaterThanOrEqual(200);
  });

  it.each(SECRETS)('are hidden: $what', async ({ line, secret, keeps }) => {
    const shown = await one(line);
    expect(shown).not.toContain(secret);
    expect(shown).toContain('‹secret:1›');
    if (keeps) expect(shown).toContain(keeps);
  });

  it.each(SECRETS)('are hidden in our own log, too, without secretlint: $what', ({ line, secret }) => {
    expect(redactText(line)).not.toContain(secret);
  });

  it.each(NEAR_MISSES)('are not found in a line that only looks similar: %s', async (line) => {
    expect(await one(line)).toBe(line);
  });
});

describe('PEM blocks', () => {
  it('are hidden across the lines of one text', async () => {
    expect(await one(`key:\n${pemBlock().join('\n')}\ndone`)).toBe('key:\n‹secret:1›\ndone');
  });

  it('are hidden across several texts, each with a placeholder', async () => {
    const { texts, redactions } = await redact(['before', ...pemBlock(), 'after'], []);
    expect(texts).toEqual(['before', ...Array(8).fill('‹secret:1›'), 'after']);
    expect(redactions).toBe(1);
  });

  it('are hidden if each line has a log prefix', async () => {
    const block = pemBlock('PRIVATE KEY');
    const { texts } = await redact(
      block.map((line) => `2026-11-23T10:00:00Z web | ${line}`),
      [],
    );
    for (const line of block) expect(texts.join('\n')).not.toContain(line);
  });

  it('are hidden with escaped line ends', async () => {
    const block = pemBlock('OPENSSH PRIVATE KEY');
    expect(await one(`{"key":"${block.join('\\n')}\\n","id":7}`)).toBe('{"key":"‹secret:1›\\n","id":7}');
  });

  it('are hidden if the log ends before they do', async () => {
    const block = pemBlock().slice(0, 5);
    const { texts } = await redact(block, []);
    for (const line of block) expect(texts.join('\n')).not.toContain(line);
  });

  it('are hidden if the log begins after they do', async () => {
    const block = pemBlock().slice(3);
    const { texts } = await redact(['all well', ...block, 'still well'], []);
    expect(texts.at(0)).toBe('all well');
    expect(texts.at(-1)).toBe('still well');
    for (const line of block) expect(texts.join('\n')).not.toContain(line);
  });

  it('without an end do not include the prose that follows', async () => {
    const { texts } = await redact([pemBlock()[0] as string, 'parse error: bad key file'], []);
    expect(texts[1]).toBe('parse error: bad key file');
  });
});

describe('placeholders', () => {
  it('are numbered in order of appearance, with equal numbers for equal secrets', async () => {
    const { texts, redactions } = await redact(
      ['password=first-1', 'password=second-2', 'again password=first-1', 'token second-2'],
      ['second-2'],
    );
    expect(texts).toEqual([
      'password=‹secret:1›',
      'password=‹secret:2›',
      'again password=‹secret:1›',
      'token ‹secret:2›',
    ]);
    expect(redactions).toBe(4);
  });

  it('do not change when they are redacted again, and new ones get other numbers', async () => {
    const once = await one('password=abc123x');
    expect(await one(once)).toBe(once);
    expect(redactText(once)).toBe(once);
    expect(await one(`${once} password=other-1`)).toBe('password=‹secret:1› password=‹secret:2›');
  });
});

describe('literal values', () => {
  it('are hidden wherever they occur', async () => {
    expect(await one('login as zebra-crossing/9 failed', ['zebra-crossing/9'])).toBe('login as ‹secret:1› failed');
  });

  it('are hidden if they are encoded as JSON, for a URL, or as base64', async () => {
    const value = 'za"b c/9+x';
    for (const form of [JSON.stringify(value), encodeURIComponent(value), Buffer.from(value).toString('base64')]) {
      expect(await one(`got ${form}.`, [value])).toMatch(/^got "?‹secret:1›=*"?\.$/);
    }
  });

  it('are hidden line by line if they have several lines', async () => {
    const block = pemBlock('THING').slice(1, -1);
    const shown = await one(`a ${block[0]} b ${block[2]}`, [block.join('\n')]);
    expect(shown).toBe('a ‹secret:1› b ‹secret:2›');
  });

  it('that are short are hidden only as whole words', async () => {
    expect(await one('root cause: user root', ['root', 'cause'])).toBe('‹secret:1› ‹secret:2›: user ‹secret:1›');
    expect(await one('rootless', ['root'])).toBe('rootless');
  });

  it('that are common words or a few digits are not searched for', async () => {
    expect(await one('true 123 on', ['true', '123', 'on', ''])).toBe('true 123 on');
  });
});

describe('text that a terminal displays differently', () => {
  const ESC = '\u001b';
  it.each([
    ['colours around the name', `${ESC}[2mpassword${ESC}[0m${ESC}[2m=${ESC}[0mhunter2hunter2`],
    ['a zero-width space in the name', 'pass\u200bword=hunter2hunter2'],
    ['a soft hyphen in the value', 'password=hunter2\u00adhunter2'],
    ['a direction mark before the value', 'password=\u202ehunter2hunter2'],
  ])('is searched as it is displayed: %s', async (_, line) => {
    expect(await one(line)).not.toMatch(/hunter2/);
  });

  it('is searched for the literal values as it is displayed', async () => {
    expect(await one(`${ESC}[1mzebra${ESC}[0m-crossing`, ['zebra-crossing'])).toBe('‹secret:1›');
  });
});

describe('hostile text', () => {
  it('cannot switch the search off', async () => {
    const key = ACCESS_KEY_ID;
    const { texts } = await redact(['// secretlint-disable', `# secretlint-disable-line ${key}`, key], []);
    expect(texts.join()).not.toContain(key);
  });

  // A pattern that backtracks would exceed the time limit of the test. `npm run bench -- redact` prints the times.
  it.each(HOSTILE_SEEDS)('of 64 KB is read in linear time: %j', async (seed) => {
    expect((await redact([repeated(seed, 65_536)], ['zebra-crossing'])).texts).toHaveLength(1);
  });

  it('never throws, keeps the number of texts, and hides the literals in them', async () => {
    const word = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        'password=',
        'token: ',
        '://u:',
        '@h/',
        'Bearer ',
        '-----BEGIN A KEY-----',
        '\n',
        '"',
        '‹secret:9›',
        'a9Zk3',
      ),
    );
    const text = fc.array(word, { maxLength: 12 }).map((words) => words.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 5 }), async (texts) => {
        const once = await redact(texts, ['a9Zk3']);
        expect(once.texts).toHaveLength(texts.length);
        expect(once.texts.join('\n')).not.toMatch(/(?<![\w])a9Zk3(?!\w)/);
      }),
      { numRuns: 300 },
    );
  });
});
