import { expect, it } from 'vitest';
import type { DecisionReason } from '../../../src/domain/decision.ts';
import { decisionDetail } from '../../../src/pipeline/incident/decision-detail.ts';
import { anIncident, aPolicy, someFacts } from '../../support/domain.ts';

const detail = (reason: DecisionReason, gone = false) =>
  decisionDetail(
    { kind: 'notify', reason },
    {
      incident: anIncident({ cause: { kind: 'external', host: 'smtp.example.net' } }),
      facts: gone ? undefined : someFacts({ orchestrator: 'Docker Swarm' }),
      policy: aPolicy({ restart: 'never' }),
      networkDependants: ['sidecar', 'proxy'],
    },
  );

it('the detail of a decision names what decided', () => {
  expect(detail('shared_network')).toBe('sidecar, proxy');
  expect(detail('orchestrator_owns')).toBe('Docker Swarm');
  expect(detail('dependency_down')).toBe('smtp.example.net does not answer');
  expect(detail('policy_never')).toContain('never');
  expect(detail('severity_too_low')).toBeUndefined();
});

it('the detail of a decision is unknown if the container is gone', () => {
  expect(detail('orchestrator_owns', true)).toBeUndefined();
});
