import { describe, expect, it } from 'vitest';
import { limitTime } from '../../../src/pipeline/detect/rules-time.ts';

describe('rules that take most of the time', () => {
  function slowRules(msPerSearch: number) {
    let now = 0;
    let suspended = 0;
    const search = () => {
      now += msPerSearch;
      return true;
    };
    const rules = limitTime(
      { empty: false, matches: search, ignores: search },
      { now: () => now, onSuspended: () => (suspended += 1) },
    );
    return {
      rules,
      pass: (ms: number) => {
        now += ms;
      },
      suspended: () => suspended,
    };
  }

  it('are suspended for a minute, once more if that does not help', () => {
    const { rules, pass, suspended } = slowRules(100);
    for (let i = 0; i < 21; i++) expect(rules.matches('x')).toBe(true);
    expect(suspended()).toBe(1);
    for (let i = 0; i < 1_000; i++) expect(rules.matches('x') || rules.ignores('x')).toBe(false);
    pass(60_000);
    for (let i = 0; i < 21; i++) expect(rules.ignores('x')).toBe(true);
    expect([rules.matches('x'), suspended()]).toEqual([false, 2]);
  });

  it('are kept if they take less than a fifth of it', () => {
    const { rules, pass, suspended } = slowRules(100);
    for (let i = 0; i < 500; i++) {
      expect(rules.matches('x')).toBe(true);
      pass(450);
    }
    expect(suspended()).toBe(0);
  });
});
