import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePolicyFile } from '../../../src/config/policy/parse.ts';
import { policyJsonSchema } from '../../../src/config/policy/schema.ts';

const problemsOf = (text: string) => {
  const file = parsePolicyFile(text);
  return file.ok ? [] : file.problems.map(({ line, what }) => `${line}: ${what}`);
};

const GOOD = `# who may be restarted
rules:
  - match: { name: "*" }
    restart: ask
    quiet-hours: 22:00-07:00 Europe/Berlin
  - match:
      project: shop
      service: [web, api]
      label: tier=front
    restart: auto
    max-restarts-per-hour: 2
    detect.ignore: known nonsense
  - match: { image: "*/ledger" }
    restart: never
    mode: observe
`;

describe('the policy file', () => {
  it('is a list of rules', () => {
    expect(parsePolicyFile(GOOD)).toMatchObject({
      ok: true,
      rules: [
        { match: { name: ['*'] }, set: { restart: 'ask', quietHours: { zone: 'Europe/Berlin' } } },
        {
          match: { project: ['shop'], service: ['web', 'api'], label: ['tier=front'] },
          set: { restart: 'auto', maxRestartsPerHour: 2, detectIgnore: ['known nonsense'] },
        },
        { match: { image: ['*/ledger'] }, set: { restart: 'never', mode: 'observe' } },
      ],
    });
  });

  it('is rejected with all its problems, each with its line', () => {
    const text = `rules:
  - match: { name: web }
    restart: nevr
    graace: 3
  - match: {}
    restart: never
  - match: { name: api }
  - match: { nmae: db }
    max-restarts-per-hour: 99
    quiet-hours: 25:00-07:00
    enable: "no"
`;
    expect(problemsOf(text)).toEqual([
      '3: rule 1, restart: "nevr": must be auto, ask or never',
      '4: rule 1: unknown setting "graace"',
      expect.stringMatching(/^5: rule 2, match: must have at least one of name, image/),
      expect.stringMatching(/^7: rule 3: sets nothing/),
      '8: rule 4, match: unknown setting "nmae"',
      '9: rule 4, max-restarts-per-hour: "99": must be a whole number, 0 to 60',
      expect.stringMatching(/^10: rule 4, quiet-hours: "25:00-07:00": must be times/),
      '11: rule 4, enable: "no": must be true or false',
    ]);
  });

  it.each([
    ['is empty', '', /^1: the file is empty/],
    ['has only a comment', '# rules:\n', /^1: the file is empty/],
    ['is not YAML', 'rules:\n  - match: {name: web\n', /invalid YAML/],
    ['sets a key twice', 'rules: []\nrules: []\n', /^2: invalid YAML: Map keys must be unique/],
    ['has no list of rules', 'rules:\n', /^1: rules: must be a list of rules/],
    ['is a list', '- a\n', /the file/],
    ['has an invalid pattern', 'rules:\n  - match: {name: web}\n    detect.match: "("\n', /^2: rule 1, detect.match/],
  ])('is rejected if it %s', (_, text, problem) => {
    expect(problemsOf(text)[0]).toMatch(problem);
  });

  it('is rejected if its aliases expand to a huge document', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[i]}`).join(',')}]`)
      .join('\n')}\nrules: *h\n`;
    expect(problemsOf(bomb)[0]).toMatch(/invalid YAML/);
  });

  it('is rejected or has only complete rules, wherever it is cut off', () => {
    const whole = parsePolicyFile(GOOD);
    if (!whole.ok) return expect.fail();
    for (let end = 0; end < GOOD.length; end++) {
      const cut = parsePolicyFile(GOOD.slice(0, end));
      if (!cut.ok) continue;
      expect(cut.rules.length).toBeGreaterThan(0);
      for (const [i, rule] of cut.rules.entries()) expect(rule.match).toEqual(whole.rules[i]?.match);
    }
  });

  it('never makes the parser throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'rules:-{}[]&*!|>"\' \n\tmatchne0') }), (text) => {
        parsePolicyFile(text);
      }),
      { numRuns: 500 },
    );
  });

  it('has its schema in docs/policy.schema.json', () => {
    const published = JSON.parse(readFileSync(new URL('../../../docs/policy.schema.json', import.meta.url), 'utf8'));
    expect(published).toEqual(policyJsonSchema());
  });
});
