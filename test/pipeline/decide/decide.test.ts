import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DECISION_REASONS, type DecisionReason, RESTART_REASONS } from '../../../src/domain/decision.ts';
import { SEVERITIES } from '../../../src/domain/diagnosis.ts';
import { decide, decideWithGates } from '../../../src/pipeline/decide/decide.ts';
import type { DecideInput } from '../../../src/pipeline/decide/decide-input.ts';
import { parseQuietHours } from '../../../src/pipeline/policy/quiet-hours.ts';
import type { Source } from '../../../src/pipeline/policy/resolve.ts';
import { MODES, RESTARTS } from '../../../src/pipeline/policy/settings.ts';
import { aDiagnosis, anIncident, aPolicy, aRestartWith, NO_RESTARTS, someFacts } from '../../support/domain.ts';

const MINUTE = 60_000;
const OPENED = 60 * MINUTE;
const NOW = OPENED + 2_000;

const allowed = aRestartWith({ now: NOW, incident: anIncident({ openedAt: OPENED }) });

const crashed = anIncident({ detector: 'crash', openedAt: OPENED });
const looping = anIncident({ detector: 'crash', detectors: ['crash', 'crash_loop'], openedAt: OPENED });
/** Contains NOW, which is 01:00 UTC. */
const NIGHT = parseQuietHours('22:00-07:00') ?? expect.fail();
const STATEFUL: Source = { kind: 'stateful_image', image: 'postgres' };
const UNCLEAR: Source = { kind: 'unclear_label', label: 'container-doctor.restart' };

const childKilled = anIncident({ detector: 'oom', detectors: ['oom', 'log'], openedAt: OPENED });

/** Each of these prevents a restart by itself. */
const obstacles: [string, Partial<DecideInput>, DecisionReason][] = [
  ['the container is gone', { facts: undefined }, 'container_gone'],
  ['the container is being removed', { facts: someFacts({ status: 'removing' }) }, 'container_gone'],
  ['severity is medium', { diagnosis: aDiagnosis({ severity: 'medium' }) }, 'severity_too_low'],
  ['a rule found a full disk', { restartVetoed: true }, 'disk_full'],
  [
    'the log does not support it',
    { diagnosis: aDiagnosis({ failedChecks: ['quote_not_found'] }) },
    'diagnosis_unsupported',
  ],
  ['only an unproven local model calls it safe', { localModelUnproven: true }, 'local_model_unproven'],
  ['the diagnosis calls it unsafe', { diagnosis: aDiagnosis({ autoRestartSafe: false }) }, 'restart_not_safe'],
  ['only older facts are known', { engineAnswered: false }, 'engine_unreachable'],
  [
    'a host that it needs does not answer',
    { incident: anIncident({ openedAt: OPENED, cause: { kind: 'external', host: 'api.example.com' } }) },
    'dependency_down',
  ],
  ['Docker Swarm owns it', { facts: someFacts({ orchestrator: 'Docker Swarm' }) }, 'orchestrator_owns'],
  ['a person stopped it after the incident opened', { stopRequestedAt: OPENED + 500 }, 'operator_action'],
  [
    'a person restarted it a minute before the incident opened',
    { stopRequestedAt: OPENED - MINUTE },
    'operator_action',
  ],
  ['compose is replacing it', { beingReplaced: true }, 'recreate_in_progress'],
  [
    'the agent is restarting it',
    { restarts: { ...NO_RESTARTS, otherIncidents: 'in_progress' } },
    'restart_in_progress',
  ],
  [
    'it recovered after a restart for another incident',
    { restarts: { ...NO_RESTARTS, otherIncidents: 'recovered' } },
    'already_recovered',
  ],
  ['only a child process was killed for memory', { incident: childKilled, facts: someFacts() }, 'restart_not_safe'],
  ['it is paused', { facts: someFacts({ status: 'paused' }) }, 'container_paused'],
  ['the engine is restarting it', { facts: someFacts({ status: 'restarting' }) }, 'engine_restarting'],
  [
    'the engine keeps restarting it and it is up at the moment',
    { incident: looping, facts: someFacts({ startedAt: OPENED - 1_000, restartPolicy: 'always' }) },
    'engine_restarting',
  ],
  [
    'the engine has already restarted it',
    { incident: crashed, facts: someFacts({ startedAt: OPENED + 200, restartPolicy: 'always' }) },
    'engine_restarting',
  ],
  [
    'a person has already started it',
    { incident: crashed, facts: someFacts({ startedAt: OPENED + 200 }) },
    'already_recovered',
  ],
  [
    'the error was printed during an absence of the agent, and the container was started since',
    {
      incident: anIncident({ openedAt: OPENED, lastSeenAt: OPENED - 60 * MINUTE }),
      facts: someFacts({ startedAt: OPENED - 30 * MINUTE }),
    },
    'already_recovered',
  ],
  [
    'it is healthy again',
    { incident: anIncident({ detector: 'health', openedAt: OPENED }), facts: someFacts({ health: 'healthy' }) },
    'already_recovered',
  ],
  ['it is still starting', { facts: someFacts({ health: 'starting' }) }, 'still_starting'],
  [
    'it is in its grace period',
    { facts: someFacts({ startedAt: NOW - 20_000 }), policy: aPolicy({ grace: 30 }) },
    'still_starting',
  ],
  ['it was deployed minutes ago', { deployedAt: NOW - 4 * MINUTE }, 'deployed_just_now'],
  ['other containers use its network', { networkDependants: ['sidecar'] }, 'shared_network'],
  ['its policy says never', { policy: aPolicy({ restart: 'never' }) }, 'policy_never'],
  ['its policy allows 0 restarts per hour', { policy: aPolicy({ maxRestartsPerHour: 0 }) }, 'policy_never'],
  ['its policy disables it', { policy: aPolicy({ enable: false }) }, 'policy_never'],
  ['it is a database', { policy: aPolicy({ restart: 'never' }, { restart: STATEFUL }) }, 'stateful_image'],
  ['a label is invalid', { policy: aPolicy({ restart: 'never' }, { restart: UNCLEAR }) }, 'policy_unclear'],
  ['the store cannot be written', { storeHealthy: false }, 'store_unavailable'],
  ['the limit is reached', { restarts: { ...NO_RESTARTS, lastHour: 60 } }, 'restart_limit'],
  [
    'the limit of the host is reached',
    { restarts: { ...NO_RESTARTS, hostLastHour: 12 }, maxRestartsPerHourHost: 12 },
    'host_restart_limit',
  ],
  [
    'the engine could not start it after a restart',
    {
      facts: someFacts({ status: 'exited', startedAt: NOW - 10 }),
      incident: crashed,
      restarts: { ...NO_RESTARTS, couldNotStartAt: NOW - 5 },
    },
    'backing_off',
  ],
  [
    'earlier restarts did not help',
    { restarts: { ...NO_RESTARTS, lastHour: 1, backOffUntil: NOW + 1 } },
    'backing_off',
  ],
  ['it is quiet hours', { policy: aPolicy({ quietHours: NIGHT }) }, 'quiet_hours'],
  ['its mode is observe', { policy: aPolicy({ mode: 'observe' }) }, 'observe_mode'],
  ['AUTO_FIX is off', { autoFix: false }, 'auto_fix_off'],
];

describe('decide', () => {
  it('restarts if nothing prevents it', () => {
    expect(decide(allowed)).toEqual({ kind: 'restart', reason: 'restart_allowed' });
  });

  it.each(obstacles)('does not restart when %s', (_, obstacle, reason) => {
    expect(decide({ ...allowed, ...obstacle })).toEqual({ kind: 'notify', reason });
  });

  it('asks a person if the policy requires it and nothing else prevents a restart', () => {
    expect(decide({ ...allowed, policy: aPolicy({ restart: 'ask' }) })).toEqual({ kind: 'ask', reason: 'policy_ask' });
  });

  it.each(obstacles)('does not ask a person either when %s', (_, obstacle) => {
    const policy = { ...allowed.policy, ...obstacle.policy };
    const asking =
      policy.values.restart === 'never' ? policy : { ...policy, values: { ...policy.values, restart: 'ask' as const } };
    expect(decide({ ...allowed, ...obstacle, policy: asking }).kind).toBe('notify');
  });

  it('restarts if a person has approved it and nothing else prevents it', () => {
    const input = { ...allowed, policy: aPolicy({ restart: 'ask' }), approved: true };
    expect(decide(input)).toEqual({ kind: 'restart', reason: 'approved_by_person' });
  });

  it.each(obstacles)('does not restart when %s, although a person has approved it', (_, obstacle, reason) => {
    expect(decide({ ...allowed, ...obstacle, approved: true })).toEqual({ kind: 'notify', reason });
  });

  it('only records a problem that a person has snoozed', () => {
    expect(decide({ ...allowed, snoozed: true })).toEqual({ kind: 'record', reason: 'snoozed' });
    expect(decide({ ...allowed, snoozed: true, approved: true }).kind).toBe('record');
  });

  it('has a case for every reason', () => {
    const elsewhere = ['denied_by_person', 'approval_expired', 'fleet_restart_limit'];
    const here = ['restart_allowed', 'policy_ask', 'approved_by_person', 'snoozed'];
    const seen = new Set<string>([...obstacles.map(([, , reason]) => reason), ...here, ...elsewhere]);
    expect(Object.keys(DECISION_REASONS).filter((reason) => !seen.has(reason))).toEqual([]);
  });

  it('restarts a container that has crashed and is down', () => {
    const facts = someFacts({ status: 'exited', exitCode: 1, finishedAt: OPENED - 100 });
    expect(decide({ ...allowed, incident: crashed, facts }).kind).toBe('restart');
  });

  it('restarts a container that the engine has given up on', () => {
    const facts = someFacts({ status: 'exited', exitCode: 1, restartPolicy: 'on-failure' });
    expect(decide({ ...allowed, incident: looping, facts }).kind).toBe('restart');
  });

  it('restarts a container whose health check fails after a child process was killed for memory', () => {
    const facts = someFacts({ health: 'unhealthy' });
    expect(decide({ ...allowed, incident: childKilled, facts }).kind).toBe('restart');
  });

  it('restarts a container that was killed for memory and is down', () => {
    const incident = anIncident({ detector: 'oom', detectors: ['oom', 'crash'], openedAt: OPENED });
    const facts = someFacts({ status: 'exited', exitCode: 137, finishedAt: OPENED });
    expect(decide({ ...allowed, incident, facts }).kind).toBe('restart');
  });

  it.each<[string, Partial<DecideInput>]>([
    ['a stop from long before the incident', { stopRequestedAt: OPENED - 3 * MINUTE }],
    ['a deployment of a while ago', { deployedAt: NOW - 6 * MINUTE }],
    ['quiet hours at another time', { policy: aPolicy({ quietHours: parseQuietHours('02:00-07:00') }) }],
    ['a grace period that is over', { policy: aPolicy({ grace: 30 }) }],
    [
      'a start and a deployment in the future, after the clock was set back',
      { facts: someFacts({ startedAt: NOW + MINUTE }), policy: aPolicy({ grace: 30 }), deployedAt: NOW + MINUTE },
    ],
    ['a back-off that is over', { restarts: { ...NO_RESTARTS, lastHour: 1, backOffUntil: NOW } }],
  ])('is not held back by %s', (_, past) => {
    expect(decide({ ...allowed, ...past }).kind).toBe('restart');
  });

  it('says that the engine cannot be reached, not that the container is gone, if no facts were ever read', () => {
    const unread = { ...allowed, facts: undefined, engineAnswered: false };
    expect(decide(unread).reason).toBe('engine_unreachable');
  });

  it('names the mild diagnosis, not the silent engine, if older facts are known', () => {
    const diagnosis = aDiagnosis({ severity: 'medium' });
    expect(decide({ ...allowed, engineAnswered: false, diagnosis }).reason).toBe('severity_too_low');
  });

  const printedDuringAbsence = anIncident({ openedAt: OPENED, lastSeenAt: OPENED - 60 * MINUTE });
  const unhealthy = anIncident({ detector: 'health', openedAt: OPENED });
  const couldNotStart = { ...NO_RESTARTS, couldNotStartAt: NOW - 5 };

  it.each<[string, Partial<DecideInput>, DecisionReason]>([
    ['a stop two minutes before the incident is recent', { stopRequestedAt: OPENED - 2 * MINUTE }, 'operator_action'],
    ['a stop a moment earlier is not', { stopRequestedAt: OPENED - 2 * MINUTE - 1 }, 'restart_allowed'],
    [
      'a start before an old error does not end it',
      { incident: printedDuringAbsence, facts: someFacts({ startedAt: OPENED - 90 * MINUTE }) },
      'restart_allowed',
    ],
    [
      'a start at the time of an old error does not end it',
      { incident: printedDuringAbsence, facts: someFacts({ startedAt: OPENED - 60 * MINUTE }) },
      'restart_allowed',
    ],
    [
      'a start right after an old error ends it',
      { incident: printedDuringAbsence, facts: someFacts({ startedAt: OPENED - 60 * MINUTE + 1 }) },
      'already_recovered',
    ],
    [
      'a start right before an old error was found ends it',
      { incident: printedDuringAbsence, facts: someFacts({ startedAt: OPENED - 1 }) },
      'already_recovered',
    ],
    [
      'a start when an old error was found does not: the new process may have the problem too',
      { incident: printedDuringAbsence, facts: someFacts({ startedAt: OPENED }) },
      'restart_allowed',
    ],
    [
      'a start and an end since an old error do not end it',
      { incident: printedDuringAbsence, facts: someFacts({ status: 'exited', startedAt: OPENED - 30 * MINUTE }) },
      'restart_allowed',
    ],
    [
      'a start between a recent error and its detection does not end it',
      {
        incident: anIncident({ openedAt: OPENED, lastSeenAt: OPENED - MINUTE }),
        facts: someFacts({ startedAt: OPENED - 1_000 }),
      },
      'restart_allowed',
    ],
    [
      'a crash is over only if the container was started after it',
      { incident: crashed, facts: someFacts({ startedAt: OPENED }) },
      'restart_allowed',
    ],
    [
      'a health check that was never run does not end the failure of one',
      { incident: unhealthy, facts: someFacts({ health: 'none' }) },
      'restart_allowed',
    ],
    [
      'a health check that still fails does not either',
      { incident: unhealthy, facts: someFacts({ health: 'unhealthy' }) },
      'restart_allowed',
    ],
    [
      'a passing health check does not end an error in the log',
      { facts: someFacts({ health: 'healthy' }) },
      'restart_allowed',
    ],
    [
      'a container that is down may be restarted although only a child process was killed for memory',
      { incident: childKilled, facts: someFacts({ status: 'exited' }) },
      'restart_allowed',
    ],
    [
      'the last restart that the limit allows is made',
      { restarts: { ...NO_RESTARTS, lastHour: 2 }, policy: aPolicy({ maxRestartsPerHour: 3 }) },
      'restart_allowed',
    ],
    [
      'the next one is not',
      { restarts: { ...NO_RESTARTS, lastHour: 3 }, policy: aPolicy({ maxRestartsPerHour: 3 }) },
      'restart_limit',
    ],
    ['a deployment five minutes ago is over', { deployedAt: NOW - 5 * MINUTE }, 'restart_allowed'],
    ['a deployment a moment less ago is not', { deployedAt: NOW - 5 * MINUTE + 1 }, 'deployed_just_now'],
    ['a deployment at this moment is recent', { deployedAt: NOW }, 'deployed_just_now'],
    [
      'a container that runs again may be restarted although the engine could not start it before',
      {
        facts: someFacts({ startedAt: NOW - 10 }),
        incident: anIncident({ openedAt: OPENED }),
        restarts: couldNotStart,
      },
      'restart_allowed',
    ],
    [
      'a container that somebody has started since the engine could not may be restarted',
      { facts: someFacts({ status: 'exited', startedAt: NOW - 5 }), incident: crashed, restarts: couldNotStart },
      'restart_allowed',
    ],
  ])('%s', (_, input, reason) => {
    expect(decide({ ...allowed, ...input }).reason).toBe(reason);
  });

  it('records an incident below the minimum severity without an alert', () => {
    const diagnosis = aDiagnosis({ severity: 'low' });
    expect(decide({ ...allowed, diagnosis })).toEqual({ kind: 'record', reason: 'severity_too_low' });
  });

  it('notifies people of a low severity if the minimum is low', () => {
    const diagnosis = aDiagnosis({ severity: 'low' });
    expect(decide({ ...allowed, diagnosis, policy: aPolicy({ minSeverity: 'low' }) }).kind).toBe('notify');
  });

  const time = fc.integer({ min: OPENED - 10 * MINUTE, max: NOW });
  const never = fc.constantFrom<Source>({ kind: 'default' }, STATEFUL, UNCLEAR, { kind: 'file', rule: 1 });
  const policy = fc
    .record({
      enable: fc.boolean(),
      mode: fc.constantFrom(...MODES),
      restart: fc.constantFrom(...RESTARTS),
      minSeverity: fc.constantFrom(...SEVERITIES),
      maxRestartsPerHour: fc.nat(4),
      grace: fc.constantFrom(0, 30, 3600),
      quietHours: fc.constantFrom(NIGHT, aPolicy().values.quietHours),
    })
    .chain((values) => never.map((restart) => aPolicy(values, { restart })));
  const anyInput: fc.Arbitrary<DecideInput> = fc.record({
    now: fc.constant(NOW),
    incident: fc.constantFrom(
      allowed.incident,
      crashed,
      looping,
      anIncident({ detector: 'health', openedAt: OPENED }),
      anIncident({ detector: 'crash_loop', openedAt: OPENED }),
    ),
    diagnosis: fc.record({ severity: fc.constantFrom(...SEVERITIES), autoRestartSafe: fc.boolean() }).map(aDiagnosis),
    facts: fc.option(
      fc
        .record({
          status: fc.constantFrom('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead' as const),
          health: fc.constantFrom('none', 'starting', 'healthy', 'unhealthy' as const),
          startedAt: time,
          restartPolicy: fc.constantFrom('no', 'always'),
        })
        .map(someFacts as (over: object) => ReturnType<typeof someFacts>),
      { nil: undefined },
    ),
    autoFix: fc.boolean(),
    maxRestartsPerHourHost: fc.nat(15),
    policy,
    restarts: fc.record({
      lastHour: fc.nat(6),
      hostLastHour: fc.nat(15),
      otherIncidents: fc.constantFrom('none', 'in_progress', 'recovered' as const),
      couldNotStartAt: fc.constantFrom(0, NOW - 1),
      backOffUntil: fc.option(fc.integer({ min: NOW - 10, max: NOW + 10 }), { nil: 0 }),
    }),
    restartVetoed: fc.boolean(),
    localModelUnproven: fc.boolean(),
    stopRequestedAt: fc.option(time, { nil: undefined }),
    deployedAt: fc.option(time, { nil: undefined }),
    beingReplaced: fc.boolean(),
    engineAnswered: fc.boolean(),
    networkDependants: fc.constantFrom([], ['sidecar']),
    storeHealthy: fc.boolean(),
    approved: fc.boolean(),
    snoozed: fc.constantFrom(false, false, false, true),
  });
  /** Close to a restart. */
  const nearlyAllowed = fc
    .tuple(anyInput, fc.subarray(Object.keys(allowed) as (keyof DecideInput)[], { maxLength: 3 }))
    .map(([any, kept]) => ({ ...allowed, ...Object.fromEntries(kept.map((key) => [key, any[key]])) }));
  const inputs = fc.oneof(anyInput, nearlyAllowed);
  const holds = (property: (input: DecideInput) => void, numRuns = 1_000): void =>
    fc.assert(fc.property(inputs, property), { numRuns });

  it('gives every input one decision with a reason from the closed list', () => {
    holds((input) => {
      const decision = decide(input);
      expect(DECISION_REASONS).toHaveProperty(decision.reason);
      expect(decision.kind === 'restart').toBe(RESTART_REASONS.some((reason) => reason === decision.reason));
      expect(decision.kind === 'ask').toBe(decision.reason === 'policy_ask');
      expect(decide(input)).toEqual(decision);
    });
  });

  it('neither restarts nor asks a person if anything prevents it', () => {
    holds((input) => {
      const { kind } = decide(input);
      if (kind !== 'restart' && kind !== 'ask') return;
      const { values } = input.policy;
      expect(input.autoFix && input.storeHealthy && input.engineAnswered).toBe(true);
      expect(input.restartVetoed || input.beingReplaced).toBe(false);
      expect(input.diagnosis).toMatchObject({ severity: 'high', autoRestartSafe: true });
      expect(values).toMatchObject({ enable: true, mode: 'act' });
      const needed = kind === 'ask' ? ['ask'] : input.approved ? ['auto', 'ask'] : ['auto'];
      expect(needed).toContain(values.restart);
      expect(input.snoozed ?? false).toBe(false);
      expect(values.quietHours.windows).toEqual([]);
      expect(input.restarts.lastHour).toBeLessThan(values.maxRestartsPerHour);
      expect(input.restarts.otherIncidents).toBe('none');
      expect(input.restarts.backOffUntil).toBeLessThanOrEqual(input.now);
      expect(input.networkDependants).toEqual([]);
      expect(['created', 'running', 'exited']).toContain(input.facts?.status);
      expect(input.stopRequestedAt ?? 0).toBeLessThan(OPENED - 2 * MINUTE);
      expect(input.deployedAt ?? 0).toBeLessThanOrEqual(NOW - 5 * MINUTE);
    });
  });

  it.each(obstacles)('does not restart when %s, whatever else is true', (_, obstacle) => {
    holds((input) => {
      expect(['notify', 'record']).toContain(decide({ ...input, ...obstacle }).kind);
    }, 100);
  });

  it('lifts nothing but the requirement of an approval if a person approves', () => {
    holds((input) => {
      const before = decide({ ...input, approved: false });
      const after = decide({ ...input, approved: true });
      if (before.kind === 'restart' || before.kind === 'ask') expect(after.reason).toBe('approved_by_person');
      else expect(after).toEqual(before);
    });
  });

  it('never does more for a milder or more careful diagnosis', () => {
    const weight = { restart: 2, ask: 1, notify: 0, record: 0 } as const;
    fc.assert(
      fc.property(inputs, fc.constantFrom(...SEVERITIES), (input, severity) => {
        const before = decide({ ...input, diagnosis: aDiagnosis({ severity: 'high', autoRestartSafe: true }) });
        for (const autoRestartSafe of [true, false]) {
          const after = decide({ ...input, diagnosis: aDiagnosis({ severity, autoRestartSafe }) });
          expect(weight[after.kind]).toBeLessThanOrEqual(weight[before.kind]);
        }
        const careful = aDiagnosis({ severity: 'high', autoRestartSafe: false });
        expect(weight[decide({ ...input, diagnosis: careful }).kind]).toBe(0);
      }),
    );
  });

  it('never does more under a stricter policy', () => {
    const weight = { restart: 2, ask: 1, notify: 0, record: 0 } as const;
    holds((input) => {
      const before = weight[decide(input).kind];
      const with_ = (over: object) =>
        weight[decide({ ...input, policy: { ...input.policy, values: { ...input.policy.values, ...over } } }).kind];
      expect(with_({ restart: 'never' })).toBe(0);
      expect(with_({ mode: 'observe' })).toBe(0);
      expect(with_({ quietHours: NIGHT })).toBe(0);
      expect(with_({ maxRestartsPerHour: 0 })).toBe(0);
      expect(weight[decide({ ...input, autoFix: false }).kind]).toBe(0);
      if (input.policy.values.restart !== 'never') expect(with_({ restart: 'ask' })).toBeLessThanOrEqual(before);
    });
  });
});

describe('the gates of a decision', () => {
  it('are all open if the container is restarted', () => {
    const { decision, gates } = decideWithGates(allowed);
    expect(decision.kind).toBe('restart');
    expect(gates.filter(({ state }) => state !== 'open')).toEqual([]);
    expect(gates.every(({ asks, value }) => asks !== '' && value !== '')).toBe(true);
  });

  it.each(obstacles)('show that %s, and the first closed one is the reason', (_, obstacle, reason) => {
    const input = { ...allowed, ...obstacle };
    const { decision, gates } = decideWithGates(input);
    expect(decision).toEqual(decide(input));
    expect(gates.find(({ state }) => state === 'closed')?.reason).toBe(reason);
    expect(decision.reason).toBe(reason);
  });

  it('show every obstacle, not only the first', () => {
    const { gates } = decideWithGates({ ...allowed, autoFix: false, storeHealthy: false });
    expect(gates.filter(({ state }) => state === 'closed').map(({ name, value }) => [name, value])).toEqual([
      ['store', 'no'],
      ['auto_fix', 'off'],
    ]);
  });

  it('on facts are unknown if the container is gone', () => {
    const { gates } = decideWithGates({ ...allowed, facts: undefined });
    expect(gates.find(({ name }) => name === 'paused')).toMatchObject({
      state: 'unknown',
      value: 'the engine reported no facts',
    });
  });

  it('keep their names and their order, because stores and pages have them', () => {
    expect(decideWithGates(allowed).gates.map(({ name }) => name)).toEqual([
      'snooze',
      'engine',
      'container',
      'severity',
      'disk',
      'diagnosis',
      'evidence',
      'local_model',
      'fresh_facts',
      'orchestrator',
      'cause',
      'operator',
      'replacement',
      'other_restart',
      'other_recovery',
      'paused',
      'engine_policy',
      'old_news',
      'started_again',
      'health',
      'main_process',
      'starting',
      'deployment',
      'network',
      'policy',
      'store',
      'restart_limit',
      'host_restart_limit',
      'back_off',
      'quiet_hours',
      'mode',
      'auto_fix',
      'approval',
    ]);
  });

  const external = { kind: 'external', host: 'api.example.com' } as const;
  const member = { kind: 'incident', incidentId: 'inc-1', evidence: 'compose' } as const;
  const [stopped, deployed, restarts] = [OPENED - 1_000, NOW - 4 * MINUTE, { ...NO_RESTARTS }];

  it.each<[name: string, input: Partial<DecideInput>, value: string]>([
    ['snooze', {}, 'not snoozed'],
    ['snooze', { snoozed: true }, 'snoozed'],
    ['engine', {}, 'it has just now'],
    ['engine', { engineAnswered: false }, 'earlier'],
    ['engine', { engineAnswered: false, facts: undefined }, 'no'],
    ['container', {}, 'running'],
    ['container', { facts: undefined }, 'gone'],
    ['disk', {}, 'none'],
    ['disk', { restartVetoed: true }, 'the disk is full'],
    ['diagnosis', {}, 'yes'],
    ['diagnosis', { diagnosis: aDiagnosis({ autoRestartSafe: false }) }, 'no'],
    ['evidence', {}, 'no check failed'],
    [
      'evidence',
      { diagnosis: aDiagnosis({ failedChecks: ['quote_not_found', 'no_evidence'] }) },
      'quote_not_found, no_evidence',
    ],
    ['local_model', {}, 'yes'],
    ['local_model', { localModelUnproven: true }, 'not proven yet'],
    ['fresh_facts', {}, 'yes'],
    ['fresh_facts', { engineAnswered: false }, 'no'],
    ['orchestrator', {}, 'none'],
    ['orchestrator', { facts: someFacts({ orchestrator: 'Docker Swarm' }) }, 'Docker Swarm'],
    ['cause', {}, 'as far as is known'],
    ['cause', { incident: anIncident({ cause: external }) }, 'api.example.com does not answer'],
    ['cause', { incident: anIncident({ cause: member }) }, 'it belongs to another incident'],
    ['operator', {}, 'nobody'],
    ['operator', { stopRequestedAt: stopped }, 'last at 1970-01-01T00:59:59.000Z'],
    ['operator', { stopRequestedAt: 9e15 }, 'last at an unknown time'],
    ['operator', { stopRequestedAt: Number.NaN }, 'last at an unknown time'],
    ['replacement', {}, 'none'],
    ['replacement', { beingReplaced: true }, 'one is'],
    ['other_restart', { restarts: { ...restarts, otherIncidents: 'in_progress' } }, 'in progress'],
    ['other_recovery', { restarts: { ...restarts, otherIncidents: 'in_progress' } }, 'in progress'],
    ['started_again', { facts: someFacts({ startedAt: MINUTE }) }, 'running, started at 1970-01-01T00:01:00.000Z'],
    ['health', { facts: someFacts({ health: 'none' }) }, 'no health check'],
    ['health', { facts: someFacts({ health: 'unhealthy' }) }, 'unhealthy'],
    ['main_process', {}, 'yes'],
    ['main_process', { incident: childKilled }, 'only a child process was killed for memory'],
    ['deployment', {}, 'no deployment seen'],
    ['deployment', { deployedAt: deployed }, 'deployed at 1970-01-01T00:56:02.000Z'],
    ['network', {}, 'none'],
    ['network', { networkDependants: ['vpn', 'proxy'] }, 'vpn, proxy'],
    ['back_off', {}, 'none'],
    ['back_off', { restarts: { ...restarts, backOffUntil: NOW + 1_000 } }, 'until 1970-01-01T01:00:03.000Z'],
    [
      'back_off',
      { facts: someFacts({ status: 'exited', startedAt: 0 }), restarts: { ...restarts, couldNotStartAt: NOW } },
      'the engine could not start it at 1970-01-01T01:00:02.000Z',
    ],
    ['approval', { policy: aPolicy({ restart: 'ask' }) }, 'restart: ask (default)'],
    ['approval', { policy: aPolicy({ restart: 'ask' }), approved: true }, 'restart: ask (default), approved'],
  ])('say what was found: %s %#', (gate, input, value) => {
    const { gates } = decideWithGates({ ...allowed, ...input });
    expect(gates.find(({ name }) => name === gate)?.value).toBe(value);
  });

  it('name the policy value and its source', () => {
    const { gates } = decideWithGates(allowed);
    expect(gates.find(({ name }) => name === 'restart_limit')?.value).toMatch(
      /^\d+ in the last hour, max-restarts-per-hour: \d+ \(default\)$/,
    );
  });
});
