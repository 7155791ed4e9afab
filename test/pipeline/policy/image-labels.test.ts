import { describe, expect, it } from 'vitest';
import { type LabelOrigin, UNREAD_LABELS } from '../../../src/domain/containers.ts';
import { type Rule, resolvePolicy } from '../../../src/pipeline/policy/resolve.ts';
import { createWatchFilter, parseTargets } from '../../../src/pipeline/watch/targets.ts';
import { aContainer, DEFAULT_POLICY } from '../../support/domain.ts';

const fromImage = (...names: string[]): LabelOrigin => ({ kind: 'known', fromImage: new Set(names) });
const PENDING: LabelOrigin = { kind: 'pending' };

/** All labels come from the image. */
function fromImageOnly(labels: Record<string, string>, rules: readonly Rule[] = [], change = {}) {
  const container = aContainer({ labels, ...change });
  return resolvePolicy(container, rules, DEFAULT_POLICY, fromImage(...Object.keys(labels)));
}

describe('labels of an image', () => {
  it.each([
    ['restart', 'auto', 'restart', 'never', { image: 'postgres:17' }],
    ['restart', 'ask', 'restart', 'never', { image: 'postgres:17' }],
    ['max-restarts-per-hour', '60', 'maxRestartsPerHour', DEFAULT_POLICY.maxRestartsPerHour, {}],
    ['enable', 'false', 'enable', true, {}],
    ['min-severity', 'high', 'minSeverity', DEFAULT_POLICY.minSeverity, {}],
    ['grace', '3600', 'grace', 0, {}],
    ['verify-for', '1', 'verifyFor', DEFAULT_POLICY.verifyFor, {}],
    ['log-lines', '1000', 'logLines', DEFAULT_POLICY.logLines, {}],
    ['detect.ignore', '.*', 'detectIgnore', [], {}],
    ['detect.match', '.*', 'detectMatch', [], {}],
  ] as const)('do not set %s=%s, and a warning says so', (name, value, key, expected, change) => {
    const label = `container-doctor.${name}`;
    const { values, warnings } = fromImageOnly({ [label]: value }, [], change);
    expect(values[key]).toEqual(expected);
    expect(warnings).toEqual([expect.stringContaining(`label ${label} is ignored, because it comes from the image`)]);
  });

  it('do not replace what the file says', () => {
    const rules: Rule[] = [{ match: { name: ['*'] }, set: { restart: 'ask', mode: 'observe', maxRestartsPerHour: 1 } }];
    const labels = {
      'container-doctor.restart': 'auto',
      'container-doctor.mode': 'act',
      'container-doctor.max-restarts-per-hour': '9',
      'container-doctor.quiet-hours': 'none',
    };
    expect(fromImageOnly(labels, rules).values).toMatchObject({
      restart: 'ask',
      mode: 'observe',
      maxRestartsPerHour: 1,
    });
  });

  it.each([
    ['restart', 'never', 'restart', 'never'],
    ['restart', 'ask', 'restart', 'ask'],
    ['restart', 'sometimes', 'restart', 'never'],
    ['mode', 'observe', 'mode', 'observe'],
    ['max-restarts-per-hour', '0', 'maxRestartsPerHour', 0],
  ] as const)('can limit restarts: %s=%s', (name, value, key, expected) => {
    expect(fromImageOnly({ [`container-doctor.${name}`]: value }).values[key]).toBe(expected);
  });

  it('do not make rules of the file apply that loosen the policy', () => {
    const set = { restart: 'auto', enable: false, grace: 60 } as const;
    for (const match of [{ label: ['team=payments'] }, { project: ['shop'] }, { service: ['web'] }]) {
      const labels = { team: 'payments', 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' };
      const spoofed = { image: 'postgres:17', project: 'shop', service: 'web', name: 'evil' };
      const { values } = fromImageOnly(labels, [{ match, set }], spoofed);
      expect(values).toMatchObject({ restart: 'never', enable: true, grace: 0 });
    }
  });

  it('make rules of the file apply that limit restarts', () => {
    const rules: Rule[] = [{ match: { label: ['tier=data'] }, set: { restart: 'never' } }];
    expect(fromImageOnly({ tier: 'data' }, rules).values.restart).toBe('never');
  });

  it('count no less for being those of other labels: labels of the container count', () => {
    const container = aContainer({
      image: 'postgres:17',
      labels: { 'container-doctor.restart': 'auto', 'container-doctor.grace': '5', 'container-doctor.log-lines': '9' },
    });
    const { values, warnings } = resolvePolicy(container, [], DEFAULT_POLICY, fromImage('container-doctor.log-lines'));
    expect(values).toMatchObject({ restart: 'auto', grace: 5, logLines: DEFAULT_POLICY.logLines });
    expect(warnings).toHaveLength(1);
  });

  it('cannot be told apart before the engine was asked: then no label loosens what limits restarts', () => {
    const labels = {
      'container-doctor.restart': 'auto',
      'container-doctor.grace': '5',
      'container-doctor.mode': 'observe',
    };
    const container = aContainer({ image: 'postgres:17', labels });
    const { values } = resolvePolicy(container, [], DEFAULT_POLICY, PENDING);
    expect(values).toMatchObject({ restart: 'never', grace: 5, mode: 'observe' });
    expect(resolvePolicy(container, [], DEFAULT_POLICY, { kind: 'unknowable' }).values.restart).toBe('auto');
  });

  it('do not exempt its containers from being watched', () => {
    const container = aContainer({ labels: { 'container-doctor.enable': 'false' } });
    const isWatched = (origin: LabelOrigin) => createWatchFilter(parseTargets(''), undefined, () => origin)(container);
    expect(isWatched(fromImage('container-doctor.enable'))).toBe(true);
    expect([isWatched(fromImage('other')), isWatched(PENDING)]).toEqual([false, false]);
  });
});

describe('labels that cannot be read', () => {
  it('forbid restarts: one of them may limit the agent', () => {
    const container = aContainer({ labels: { [UNREAD_LABELS]: 'true', 'container-doctor.restart': 'auto' } });
    const { values, warnings } = resolvePolicy(container, [], DEFAULT_POLICY);
    expect(values.restart).toBe('never');
    expect(warnings).toEqual([expect.stringContaining('too many or too long labels')]);
  });

  it('with a pattern that costs too much are ignored, with a warning that names the label', () => {
    const labels = { 'container-doctor.detect.ignore': '(?:a{0,30}){30}$', 'container-doctor.detect.match': 'lost' };
    const { values, warnings } = resolvePolicy(aContainer({ labels }), [], DEFAULT_POLICY);
    expect(values).toMatchObject({ detectIgnore: [], detectMatch: ['lost'] });
    expect(warnings).toEqual([
      expect.stringMatching(/label container-doctor\.detect\.ignore=.*too expensive.*ignored/),
    ]);
  });

  it('that are too long are invalid', () => {
    const labels = {
      'container-doctor.restart': `auto${' '.repeat(9_000)}`,
      'container-doctor.detect.match': 'x\n'.repeat(5_000),
    };
    const { values, warnings } = resolvePolicy(aContainer({ labels }), [], DEFAULT_POLICY);
    expect(values).toMatchObject({ restart: 'never', detectMatch: [] });
    expect(warnings).toHaveLength(2);
    for (const warning of warnings) expect(warning.length).toBeLessThan(400);
  });

  it('and that nobody knows cause few warnings', () => {
    const labels = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`container-doctor.x${i}`, '1']));
    const { warnings } = resolvePolicy(aContainer({ labels }), [], DEFAULT_POLICY);
    expect(warnings.length).toBeLessThan(10);
    expect(warnings.at(-1)).toContain('395 more');
  });
});
