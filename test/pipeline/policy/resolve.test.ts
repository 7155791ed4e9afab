import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DecisionReason } from '../../../src/domain/decision.ts';
import { describeSource, policyBehind, type Rule, resolvePolicy } from '../../../src/pipeline/policy/resolve.ts';
import { RESTARTS } from '../../../src/pipeline/policy/settings.ts';
import { aContainer, DEFAULT_POLICY } from '../../support/domain.ts';

const rule = (set: Rule['set'], match: Rule['match'] = { name: ['*'] }): Rule => ({ match, set });
const labelled = (labels: Record<string, string>, image = 'shop/web:1.4') =>
  aContainer({
    image,
    labels: Object.fromEntries(Object.entries(labels).map(([k, v]) => [`container-doctor.${k}`, v])),
  });
const resolve = (container = aContainer(), rules: readonly Rule[] = []) =>
  resolvePolicy(container, rules, DEFAULT_POLICY);
const restartOf = (container = aContainer(), rules: readonly Rule[] = []) => {
  const { values, sources } = resolve(container, rules);
  return `${values.restart}: ${describeSource(sources.restart)}`;
};

describe('the policy of a container', () => {
  it('is the default if nothing is set', () => {
    expect(resolve()).toMatchObject({ values: DEFAULT_POLICY, warnings: [] });
    expect(restartOf()).toBe('auto: default');
  });

  it.each<[string, Parameters<typeof restartOf>, string]>([
    ['a label overrides the default', [labelled({ restart: 'ask' })], 'ask: label container-doctor.restart'],
    ['the file overrides the default', [aContainer(), [rule({ restart: 'ask' })]], 'ask: file rule 1'],
    [
      'a label overrides the file',
      [labelled({ restart: 'auto' }), [rule({ restart: 'ask' })]],
      'auto: label container-doctor.restart',
    ],
    [
      'a label does not override never in the file',
      [labelled({ restart: 'auto' }), [rule({ restart: 'never' })]],
      'never: file rule 1',
    ],
    [
      'a later rule overrides an earlier one',
      [aContainer(), [rule({ restart: 'never' }), rule({ restart: 'ask' })]],
      'ask: file rule 2',
    ],
    [
      'a label overrides the file if a later rule overrides never',
      [labelled({ restart: 'auto' }), [rule({ restart: 'never' }), rule({ restart: 'ask' })]],
      'auto: label container-doctor.restart',
    ],
    [
      'rules for other containers do not count',
      [aContainer(), [rule({ restart: 'never' }, { name: ['db-*'] })]],
      'auto: default',
    ],
    [
      'a rule with other settings changes nothing',
      [aContainer(), [rule({ restart: 'ask' }), rule({ grace: 5 })]],
      'ask: file rule 1',
    ],
    [
      'a known stateful image is never restarted by default',
      [aContainer({ image: 'postgres:17' })],
      'never: known stateful image postgres',
    ],
    [
      'a label can allow restarts of a stateful image',
      [labelled({ restart: 'auto' }, 'postgres:17')],
      'auto: label container-doctor.restart',
    ],
    [
      'the file can allow restarts of a stateful image',
      [aContainer({ image: 'postgres:17' }), [rule({ restart: 'ask' }, { image: ['postgres'] })]],
      'ask: file rule 1',
    ],
    [
      'upper case and surrounding spaces are accepted',
      [labelled({ restart: ' Never ' })],
      'never: label container-doctor.restart',
    ],
    ['an empty label is ignored', [labelled({ restart: '' })], 'auto: default'],
  ])('%s', (_, given, expected) => {
    expect(restartOf(...given)).toBe(expected);
  });

  it('reads all labels', () => {
    const { values, warnings } = resolve(
      labelled({
        enable: 'no',
        mode: 'observe',
        restart: 'ask',
        'min-severity': 'high',
        grace: '90',
        'max-restarts-per-hour': '1',
        'verify-for': '60',
        'quiet-hours': '22:00-07:00 Europe/Berlin',
        'log-lines': '200',
        'detect.match': 'payment lost\nqueue stuck',
        'detect.ignore': 'known nonsense',
      }),
    );
    expect(warnings).toEqual([]);
    expect(values).toMatchObject({
      enable: false,
      mode: 'observe',
      restart: 'ask',
      minSeverity: 'high',
      grace: 90,
      maxRestartsPerHour: 1,
      verifyFor: 60,
      quietHours: { zone: 'Europe/Berlin', windows: [{ from: 22 * 60, to: 7 * 60 }] },
      logLines: 200,
      detectMatch: ['payment lost', 'queue stuck'],
      detectIgnore: ['known nonsense'],
    });
  });

  it('warns about an invalid label, with the allowed values', () => {
    const { values, warnings } = resolve(labelled({ grace: '1m' }));
    expect(values.grace).toBe(0);
    expect(warnings).toEqual([
      'web-1: label container-doctor.grace="1m" is invalid: must be a whole number, 0 to 3600; it is ignored',
    ]);
  });

  it('warns about an unknown label, with the known ones', () => {
    const { warnings } = resolve(labelled({ restrat: 'never' }));
    expect(warnings).toEqual([
      expect.stringMatching(/unknown label "container-doctor.restrat".*restart, min-severity/),
    ]);
  });

  it.each(['restart', 'mode', 'quiet-hours', 'max-restarts-per-hour', 'enable'])(
    'forbids restarts while the label %s, which can limit them, is invalid',
    (name) => {
      const container = labelled({ [name]: 'off-hours' });
      expect(restartOf(container)).toBe(`never: invalid label container-doctor.${name}`);
      expect(resolve(container).warnings).toEqual([
        expect.stringMatching(/is invalid: must be .*; the container is not restarted until it is corrected/),
      ]);
    },
  );

  it.each<[DecisionReason, Partial<Record<string, string>>, string | undefined, string | undefined]>([
    ['policy_never', { restart: 'never' }, undefined, 'restart: never (label container-doctor.restart)'],
    ['policy_never', { enable: 'false' }, undefined, 'enable: false (label container-doctor.enable)'],
    [
      'policy_never',
      { 'max-restarts-per-hour': '0' },
      undefined,
      'max-restarts-per-hour: 0 (label container-doctor.max-restarts-per-hour)',
    ],
    ['stateful_image', {}, 'postgres:17', 'restart: never (known stateful image postgres)'],
    ['policy_unclear', { mode: 'nope' }, undefined, 'restart: never (invalid label container-doctor.mode)'],
    ['policy_ask', { restart: 'ask' }, undefined, 'restart: ask (label container-doctor.restart)'],
    ['observe_mode', { mode: 'observe' }, undefined, 'mode: observe (label container-doctor.mode)'],
    [
      'quiet_hours',
      { 'quiet-hours': '22:00-07:00' },
      undefined,
      'quiet-hours: 22:00-07:00 (label container-doctor.quiet-hours)',
    ],
    ['restart_limit', {}, undefined, 'max-restarts-per-hour: 3 (default)'],
    ['severity_too_low', { restart: 'never' }, undefined, undefined],
    ['restart_allowed', {}, undefined, undefined],
  ])('names the value behind a decision (%s): %j', (reason, given, image, named) => {
    expect(policyBehind(reason, resolve(labelled(given as Record<string, string>, image)))).toBe(named);
  });

  it('names the rule of the file behind a decision', () => {
    const rules = [rule({ grace: 1 }), rule({ restart: 'never' })];
    expect(policyBehind('policy_never', resolve(aContainer(), rules))).toBe('restart: never (file rule 2)');
  });

  it('quotes a hostile label truncated and without control characters', () => {
    const { warnings } = resolve(labelled({ restart: `\u001b[31m\n${'x'.repeat(5_000)}` }));
    expect(warnings[0]).not.toMatch(/\p{Cc}/u);
    expect(warnings[0]?.length).toBeLessThan(400);
  });

  it('ignores labels without the prefix', () => {
    const container = aContainer({ labels: { 'com.example.restart': 'never', restart: 'never' } });
    expect(resolve(container)).toMatchObject({ values: DEFAULT_POLICY, warnings: [] });
  });

  const rules = fc.array(fc.constantFrom<Rule>(...RESTARTS.map((restart) => rule({ restart })), rule({ grace: 1 })), {
    maxLength: 4,
  });
  const labels = fc.dictionary(
    fc.constantFrom('restart', 'mode', 'grace', 'quiet-hours', 'nonsense', 'enable'),
    fc.oneof(fc.constantFrom('auto', 'ask', 'never', 'observe', '12', 'true'), fc.string()),
  );
  const images = fc.constantFrom('shop/web:1', 'postgres:17');

  it('never lets a label allow what the file forbids', () => {
    fc.assert(
      fc.property(rules, labels, images, (written, given, image) => {
        const last = written.findLast(({ set }) => set.restart !== undefined)?.set.restart;
        const { values } = resolve(labelled(given, image), written);
        if (last === 'never') expect(values.restart).toBe('never');
      }),
    );
  });

  it('allows restarts of a stateful image only by the file or a label', () => {
    fc.assert(
      fc.property(rules, labels, (written, given) => {
        const { values, sources } = resolve(labelled(given, 'redis'), written);
        if (values.restart !== 'never') expect(['file', 'label']).toContain(sources.restart.kind);
      }),
    );
  });

  it('has a value and a source for every setting, whatever the labels hold', () => {
    fc.assert(
      fc.property(rules, labels, images, (written, given, image) => {
        const { values, sources } = resolve(labelled(given, image), written);
        expect(Object.keys(sources).sort()).toEqual(Object.keys(DEFAULT_POLICY).sort());
        for (const value of Object.values(values)) expect(value).toBeDefined();
      }),
    );
  });
});
