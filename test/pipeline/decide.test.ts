import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DECISION_REASONS, SEVERITIES } from '../../src/domain.ts';
import { type DecideInput, decide } from '../../src/pipeline/decide.ts';
import { aDiagnosis, anIncident, someFacts } from '../support/domain.ts';

/** Everything speaks for a restart. */
const allOpen: DecideInput = {
  incident: anIncident({ openedAt: 1_000 }),
  diagnosis: aDiagnosis({ severity: 'high', autoRestartSafe: true }),
  facts: someFacts({ status: 'running', startedAt: 0 }),
  policy: { autoFix: true, restartsPerHour: 3, minSeverity: 'medium' },
  restartsLastHour: 0,
  restartVetoed: false,
  restartedMeanwhile: false,
  networkDependants: [],
  storeHealthy: true,
};

const crashed = anIncident({ detector: 'crash', patterns: ['crash'], openedAt: 1_000 });

describe('decide', () => {
  it('restarts where everything allows it', () => {
    expect(decide(allOpen)).toEqual({ kind: 'restart', reason: 'restart_allowed' });
  });

  const cases: [string, Partial<DecideInput>, string][] = [
    ['the container is gone', { facts: undefined }, 'container_gone'],
    ['the container is being removed', { facts: someFacts({ status: 'removing' }) }, 'container_gone'],
    ['severity is medium', { diagnosis: aDiagnosis({ severity: 'medium' }) }, 'severity_too_low'],
    [
      'the diagnosis says that it is not safe',
      { diagnosis: aDiagnosis({ autoRestartSafe: false }) },
      'restart_not_safe',
    ],
    ['a rule saw a full disk', { restartVetoed: true }, 'disk_full'],
    ['a person stopped it since', { stopRequestedAt: 1_500 }, 'operator_action'],
    ['another incident restarted it since', { restartedMeanwhile: true }, 'already_recovered'],
    ['it is paused', { facts: someFacts({ status: 'paused' }) }, 'container_paused'],
    [
      'the engine is restarting it',
      { facts: someFacts({ status: 'restarting', restartPolicy: 'always' }) },
      'engine_restarting',
    ],
    [
      "the engine's policy has already restarted it",
      { incident: crashed, facts: someFacts({ startedAt: 1_200, restartPolicy: 'always' }) },
      'engine_restarting',
    ],
    [
      'somebody has already started it',
      { incident: crashed, facts: someFacts({ startedAt: 1_200 }) },
      'already_recovered',
    ],
    [
      'its health came back',
      { incident: anIncident({ detector: 'health' }), facts: someFacts({ health: 'healthy' }) },
      'already_recovered',
    ],
    ['it is still starting', { facts: someFacts({ health: 'starting' }) }, 'still_starting'],
    ['others use its network', { networkDependants: ['sidecar'] }, 'shared_network'],
    ['the store cannot be written', { storeHealthy: false }, 'store_unavailable'],
    ['the limit is reached', { restartsLastHour: 3 }, 'restart_limit'],
    ['AUTO_FIX is off', { policy: { ...allOpen.policy, autoFix: false } }, 'auto_fix_off'],
  ];
  it.each(cases)('does not restart when %s', (_, closed, reason) => {
    expect(decide({ ...allOpen, ...closed })).toEqual({ kind: 'notify', reason });
  });

  it('restarts what has crashed and is down', () => {
    const facts = someFacts({ status: 'exited', exitCode: 1, finishedAt: 900 });
    expect(decide({ ...allOpen, incident: crashed, facts }).kind).toBe('restart');
  });

  it('restarts a container that lives on after a child was killed for memory', () => {
    const incident = anIncident({ detector: 'oom', patterns: ['oom'] });
    expect(decide({ ...allOpen, incident }).kind).toBe('restart');
  });

  it('ignores a stop from before the incident', () => {
    expect(decide({ ...allOpen, stopRequestedAt: 500 }).kind).toBe('restart');
  });

  it('only records what is less severe than people want to be told', () => {
    const diagnosis = aDiagnosis({ severity: 'low' });
    expect(decide({ ...allOpen, diagnosis })).toEqual({ kind: 'record', reason: 'severity_too_low' });
  });

  it('tells a low one where people want to be told of all', () => {
    const diagnosis = aDiagnosis({ severity: 'low' });
    const policy = { ...allOpen.policy, minSeverity: 'low' as const };
    expect(decide({ ...allOpen, diagnosis, policy }).kind).toBe('notify');
  });

  const anyInput: fc.Arbitrary<DecideInput> = fc.record({
    incident: fc.constantFrom(allOpen.incident, crashed, anIncident({ detector: 'health' })),
    diagnosis: fc.record({ severity: fc.constantFrom(...SEVERITIES), autoRestartSafe: fc.boolean() }).map(aDiagnosis),
    facts: fc.option(
      fc
        .record({
          status: fc.constantFrom('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead' as const),
          health: fc.constantFrom('none', 'starting', 'healthy', 'unhealthy' as const),
          startedAt: fc.nat(2_000),
          restartPolicy: fc.constantFrom('no', 'always'),
        })
        .map(someFacts as (over: object) => ReturnType<typeof someFacts>),
      { nil: undefined },
    ),
    policy: fc.record({
      autoFix: fc.boolean(),
      restartsPerHour: fc.nat(4),
      minSeverity: fc.constantFrom(...SEVERITIES),
    }),
    restartsLastHour: fc.nat(6),
    restartVetoed: fc.boolean(),
    stopRequestedAt: fc.option(fc.nat(2_000), { nil: undefined }),
    restartedMeanwhile: fc.boolean(),
    networkDependants: fc.constantFrom([], ['sidecar']),
    storeHealthy: fc.boolean(),
  });

  it('gives every input one decision with a reason from the closed list', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const decision = decide(input);
        expect(DECISION_REASONS).toHaveProperty(decision.reason);
        expect(decision.kind === 'restart').toBe(decision.reason === 'restart_allowed');
      }),
    );
  });

  it('never restarts with any gate closed', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        if (decide(input).kind !== 'restart') return;
        expect(input.policy.autoFix).toBe(true);
        expect(input.diagnosis.severity).toBe('high');
        expect(input.diagnosis.autoRestartSafe).toBe(true);
        expect(input.restartsLastHour).toBeLessThan(input.policy.restartsPerHour);
        expect(input.storeHealthy && !input.restartVetoed && !input.restartedMeanwhile).toBe(true);
        expect(input.facts).toBeDefined();
      }),
    );
  });

  it('lets the diagnosis only lower: a milder or more careful one never leads to a restart', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const careful = { ...input, diagnosis: aDiagnosis({ severity: 'medium', autoRestartSafe: false }) };
        expect(decide(careful).kind).not.toBe('restart');
      }),
    );
  });
});
