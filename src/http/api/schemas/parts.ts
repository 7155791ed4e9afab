/** Parts that several schemas of the API share. Names are in snake_case, times are ISO 8601 in UTC, null means absent. */
import { z } from 'zod';
import { FAILED_CHECKS, type FailedCheck as FailedCheckName } from '../../../domain/checks.ts';
import { EDGE_EVIDENCE } from '../../../domain/containers.ts';
import { DECISION_KINDS, DECISION_REASONS, type DecisionReason, OUTCOMES, VERDICTS } from '../../../domain/decision.ts';
import { SEVERITIES, SKIP_REASONS, TIERS } from '../../../domain/diagnosis.ts';
import { DETECTORS } from '../../../domain/incident.ts';
import {
  CLAUDE_OUTCOMES,
  LOCAL_FAILURES,
  type LocalFailure as LocalFailureName,
} from '../../../domain/model-failures.ts';

export const Time = z.iso.datetime().meta({ id: 'Time', description: 'ISO 8601, UTC, with milliseconds' });
export const Usd = z.number().meta({ description: 'US dollars' });
export const Count = z.int().nonnegative();

export const Severity = z.enum(SEVERITIES).meta({ id: 'Severity' });
export const Tier = z.enum(TIERS).meta({ id: 'Tier', description: 'Who diagnosed' });
export const Detector = z.enum(DETECTORS).meta({ id: 'Detector' });
export const Outcome = z.enum(OUTCOMES).meta({ id: 'Outcome', description: 'How a restart turned out' });
export const Verdict = z.enum(VERDICTS).meta({ id: 'Verdict', description: "A person's judgement of a decision" });
export const Evidence = z.enum(EDGE_EVIDENCE).meta({ id: 'Evidence', description: 'How a dependency is known' });
export const ClaudeOutcome = z.enum(CLAUDE_OUTCOMES).meta({ id: 'ClaudeOutcome' });
export const Fallback = z.enum([...SKIP_REASONS, ...CLAUDE_OUTCOMES]).meta({
  id: 'Fallback',
  description: 'Why only the built-in rules diagnosed',
});
export const LocalFailure = z.enum(Object.keys(LOCAL_FAILURES) as [LocalFailureName, ...LocalFailureName[]]).meta({
  id: 'LocalFailure',
  description: 'Why the local model gave no usable answer',
});
export const FailedCheck = z.enum(Object.keys(FAILED_CHECKS) as [FailedCheckName, ...FailedCheckName[]]).meta({
  id: 'FailedCheck',
  description: 'A claim of the model that the evidence does not support',
});
export const State = z.enum(['open', 'resolved']).meta({ id: 'IncidentState' });
export const Reason = z.enum(Object.keys(DECISION_REASONS) as [DecisionReason, ...DecisionReason[]]).meta({
  id: 'DecisionReason',
});
export const Kind = z.enum(DECISION_KINDS).meta({
  id: 'DecisionKind',
  description: 'restart; ask: a person decides; notify: only alert; record: neither',
});

export const Decision = z
  .object({
    kind: Kind,
    reason: Reason,
    explanation: z.string().meta({ description: 'The reason as a sentence' }),
  })
  .meta({ id: 'Decision' });

export const Cause = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('incident'),
      incident_id: z.string(),
      evidence: Evidence,
      host: z
        .string()
        .nullable()
        .meta({ description: 'Of the cause, if it is another host than that of the incident' }),
    }),
    z.object({ kind: z.literal('external'), host: z.string() }),
    z.object({ kind: z.literal('unknown'), named: z.string().nullable() }),
  ])
  .meta({ id: 'Cause', description: 'Why the container is not the cause itself' });

export const Member = z.object({ container: z.string(), occurrences: Count }).meta({ id: 'Member' });

export const Problem = z
  .object({ error: z.string().meta({ description: 'What is wrong and what is allowed, as a sentence' }) })
  .meta({ id: 'Problem' });
