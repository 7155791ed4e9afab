import { describe, expect, it } from 'vitest';
import { withSurroundings } from '../../../src/pipeline/diagnose/rules-in-context.ts';
import type { DiagnosisContext } from '../../../src/pipeline/ports/model.ts';
import { aContainer, anIncident, someFacts } from '../../support/domain.ts';
import { sampleContext, sampleDiagnosis } from '../../support/samples.ts';

const rule = sampleDiagnosis({ rootCause: 'The process exited with code 137.', estimatedImpact: 'It is down.' });
const db = aContainer({ name: 'db', service: 'db' });
const say = (over: Partial<DiagnosisContext>) => {
  const context = sampleContext({ incident: anIncident({ container: db }), ...over });
  const { rootCause, estimatedImpact } = withSurroundings(rule, context);
  return { rootCause, estimatedImpact };
};
const members = (...names: string[]) => names.map((container, i) => ({ container, occurrences: 41 - i }));

describe('the diagnosis by the built-in rules', () => {
  it('says that the container is down, and who suffers from it', () => {
    expect(say({ members: members('api', 'worker'), facts: someFacts({ status: 'exited' }) })).toEqual({
      rootCause: 'db is down. The process exited with code 137. api and worker suffer from it.',
      estimatedImpact: 'It is down. Also affected: api (41 errors) and worker (40 errors).',
    });
  });

  it('names those that depend on a container that is down, although they have not noticed', () => {
    const facts = someFacts({ status: 'exited' });
    expect(say({ facts, dependants: ['api', 'worker'] })).toEqual({
      rootCause: rule.rootCause,
      estimatedImpact: 'It is down. api and worker depend on it.',
    });
    expect(say({ facts, members: members('api'), dependants: ['worker'] }).estimatedImpact).toBe(
      'It is down. Also affected: api (41 errors). worker depends on it.',
    );
    expect(say({ dependants: ['api'] }).estimatedImpact).toBe(rule.estimatedImpact);
  });

  it('says it also if the engine does not answer', () => {
    const incident = anIncident({ container: db, detector: 'crash' });
    expect(say({ members: members('api'), facts: undefined, incident }).rootCause).toBe(
      'db is down. The process exited with code 137. api suffers from it.',
    );
  });

  it('does not say that a running container is down', () => {
    expect(say({ members: members('api') }).rootCause).toBe('The process exited with code 137. api suffers from it.');
  });

  it('names five containers at most', () => {
    expect(say({ members: members('a', 'b', 'c', 'd', 'e', 'f', 'g') }).rootCause).toContain(
      'a, b, c, d, e and 2 more suffer from it.',
    );
  });

  it('is unchanged where nobody else is concerned', () => {
    expect(say({ facts: someFacts({ status: 'exited' }) })).toEqual({
      rootCause: rule.rootCause,
      estimatedImpact: rule.estimatedImpact,
    });
  });

  it('names a host that is not on this engine', () => {
    const incident = anIncident({ cause: { kind: 'external', host: 'smtp.example:587' } });
    expect(say({ incident }).rootCause).toContain(
      'It cannot reach smtp.example:587, which is not a container of this engine.',
    );
  });

  it('says that a dependency is well where one seems to fail', () => {
    const incident = anIncident({ cause: { kind: 'unknown' } });
    const running = { status: 'running', health: 'healthy', startedAt: 0, finishedAt: 0, exitCode: 0 } as const;
    const dependencies = [
      { container: 'cache', evidence: 'compose', state: running },
      { container: 'queue', evidence: 'compose', state: { ...running, health: 'unhealthy' } },
      { container: 'mail', evidence: 'compose' },
    ] as const;
    expect(say({ incident, dependencies }).rootCause).toBe(
      'The process exited with code 137. cache, on which it depends, is running and has no known problem.',
    );
  });
});
