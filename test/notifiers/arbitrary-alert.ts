import fc from 'fast-check';
import type { Alert } from '../../src/domain/alert.ts';
import { ALERT_KINDS } from '../../src/domain/alert.ts';
import { DECISION_KINDS, DECISION_REASONS, type DecisionReason, OUTCOMES } from '../../src/domain/decision.ts';
import { SEVERITIES, TIERS } from '../../src/domain/diagnosis.ts';
import { DETECTORS } from '../../src/domain/incident.ts';
import { sampleAlert, sampleAttempt, sampleDiagnosis, sampleIncident } from '../support/samples.ts';

/** Text that a hostile log could make the model write. */
export const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<!channel>',
        '<!here|x>',
        '<@U012AB3CD>',
        '<#C012AB3CD>',
        '<http://evil.example|click>',
        'https://evil.example/x',
        '*bold*',
        '```',
        '&lt;!channel&gt;',
        '&',
        '<',
        '>',
        '\n\n\n',
        '\u202Egnihtemos',
        '\u200B',
        '🧨',
        'e\u0301\u0302\u0303\u0304\u0305\u0306',
        '\ud800',
      ),
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({ maxLength: 20 }).map((text) => text.repeat(300)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

export const arbitraryAlert: fc.Arbitrary<Alert> = fc
  .record({
    text: fc.array(hostileText, { minLength: 8, maxLength: 8 }),
    many: fc.array(hostileText, { maxLength: 60 }),
    kind: fc.constantFrom(...ALERT_KINDS),
    severity: fc.constantFrom(...SEVERITIES),
    detector: fc.constantFrom(...DETECTORS),
    tier: fc.constantFrom(...TIERS),
    decision: fc.record({
      kind: fc.constantFrom(...DECISION_KINDS),
      reason: fc.constantFrom(...(Object.keys(DECISION_REASONS) as DecisionReason[])),
    }),
    outcome: fc.option(fc.constantFrom(...OUTCOMES), { nil: undefined }),
    attempted: fc.boolean(),
    because: fc.option(hostileText, { nil: undefined }),
    recurring: fc.boolean(),
    number: fc.oneof(fc.integer(), fc.double()),
    traced: fc.boolean(),
    host: fc.option(hostileText, { nil: undefined }),
    cause: fc.option(
      fc.oneof(
        fc.record({ kind: fc.constant('external' as const), host: hostileText }),
        fc.record({ kind: fc.constant('unknown' as const), named: fc.option(hostileText, { nil: undefined }) }),
      ),
      { nil: undefined },
    ),
    members: fc.array(fc.record({ container: hostileText, occurrences: fc.integer() }), { maxLength: 15 }),
  })
  .map(
    ({
      text,
      many,
      kind,
      severity,
      detector,
      tier,
      decision,
      outcome,
      attempted,
      because,
      recurring,
      number,
      traced,
      host,
      cause,
      members,
    }) => {
      const [a = '', b = '', c = '', d = '', e = '', f = '', g = '', h = ''] = text;
      const incident = sampleIncident({
        id: a,
        summary: b,
        detector,
        occurrences: number,
        openedAt: number,
        trace: traced ? { traceId: h, spanId: 's' } : undefined,
        cause,
        members,
      });
      return sampleAlert({
        kind,
        decision,
        because,
        incident: { ...incident, container: { ...incident.container, name: c, image: d, host } },
        diagnosis: sampleDiagnosis({
          severity,
          tier,
          rootCause: e,
          suggestedFix: f,
          estimatedImpact: g,
          configSuggestions: many,
          likelyRecurring: recurring,
          model: h,
          costUsd: number,
        }),
        attempt: attempted ? sampleAttempt({ outcome, detail: h }) : undefined,
        excerpt: many,
        restartsLastHour: number,
      });
    },
  );
