import { describe, expect, it } from 'vitest';
import {
  CASES_TO_EARN,
  describeTrust,
  isUnproven,
  type JudgedDiagnosis,
  localRecord,
  mayOpenRestart,
} from '../../../src/pipeline/decide/local-trust.ts';
import type { RuleMatch } from '../../../src/pipeline/ports/model.ts';
import { aDiagnosis } from '../../support/domain.ts';

const MODEL = 'qwen3:4b';

const judged = (
  count: number,
  over: Partial<JudgedDiagnosis['diagnosis']> = {},
  verdict: 'right' | 'wrong' = 'right',
) =>
  Array.from(
    { length: count },
    (): JudgedDiagnosis => ({
      diagnosis: { by: 'local', model: MODEL, autoRestartSafe: true, ...over },
      verdict,
    }),
  );

describe('a local model', () => {
  it('earns restarts with 20 judged cases, none of them wrong about a restart', () => {
    expect(CASES_TO_EARN).toBe(20);
    expect(mayOpenRestart('earned', localRecord(judged(19), MODEL))).toBe(false);
    expect(mayOpenRestart('earned', localRecord(judged(20), MODEL))).toBe(true);
    expect(mayOpenRestart('earned', localRecord([...judged(100), ...judged(1, {}, 'wrong')], MODEL))).toBe(false);
  });

  it('is not blamed for a wrong case in which it advised against a restart', () => {
    const cautious = judged(1, { autoRestartSafe: false }, 'wrong');
    expect(mayOpenRestart('earned', localRecord([...judged(20), ...cautious], MODEL))).toBe(true);
  });

  it('does not inherit the cases of another model or of Claude', () => {
    const others = [
      ...judged(30, { model: 'llama3.2:3b' }),
      ...judged(30, { by: 'claude' }),
      ...judged(30, { by: undefined }),
    ];
    expect(localRecord(others, MODEL)).toEqual({ judged: 0, wrongOnSafety: 0 });
  });

  it.each(['never', 'always'] as const)('may %s open restarts if the setting says so', (setting) => {
    const best = localRecord(judged(50), MODEL);
    const worst = localRecord(judged(50, {}, 'wrong'), MODEL);
    for (const record of [best, worst]) expect(mayOpenRestart(setting, record)).toBe(setting === 'always');
  });

  it('is described with how far it is', () => {
    expect(describeTrust('earned', { judged: 7, wrongOnSafety: 0 })).toMatch(/not.*yet: 7 judged cases.*needs 20/);
    expect(describeTrust('earned', { judged: 20, wrongOnSafety: 0 })).toMatch(/earned/);
    expect(describeTrust('earned', { judged: 40, wrongOnSafety: 1 })).toMatch(/not.*1 wrong/);
  });
});

describe('a restart that a local model calls safe', () => {
  const rule = (over: object): RuleMatch => ({ rule: 'r', assessment: aDiagnosis(over), vetoesRestart: false });
  const open = rule({ severity: 'high', autoRestartSafe: true });
  const shut = rule({ severity: 'medium', autoRestartSafe: false });
  const local = { by: 'local', model: MODEL } as const;
  const no = async () => false;

  it('is unproven if the built-in rules alone would not restart', async () => {
    expect(await isUnproven(local, [shut, open], no)).toBe(true);
    expect(await isUnproven(local, [rule({ severity: 'high', autoRestartSafe: false })], no)).toBe(true);
    expect(await isUnproven(local, [], no)).toBe(true);
  });

  it('is not if the rules would restart too, the model has earned it, or Claude answered', async () => {
    expect(await isUnproven(local, [open], no)).toBe(false);
    expect(await isUnproven(local, [shut], async (model) => model === MODEL)).toBe(false);
    expect(await isUnproven({ by: 'claude', model: 'c' }, [shut], no)).toBe(false);
    expect(await isUnproven({ model: 'c' }, [shut], no)).toBe(false);
  });
});
