/** docs/telemetry.md names everything that the code can report. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../src/domain/checks.ts';
import { DECISION_KINDS, DECISION_REASONS, OUTCOMES } from '../../src/domain/decision.ts';
import { SKIP_REASONS, TIERS } from '../../src/domain/diagnosis.ts';
import { SUPPRESSIONS } from '../../src/domain/incident.ts';
import { CLAUDE_OUTCOMES, LOCAL_FAILURES } from '../../src/domain/model-failures.ts';
import { APPROVAL_OUTCOMES, APPROVAL_SOURCES } from '../../src/pipeline/observer.ts';
import { SPANS } from '../../src/pipeline/tracing.ts';
import { ATTRIBUTES } from '../../src/telemetry/names.ts';

const doc = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8');
/** The meaning of a metric, in its row. */
const row = (metric: string): string => doc.split('\n').find((line) => line.startsWith(`| \`${metric}\` |`)) ?? '';
const missingIn = (text: string, names: readonly string[]): readonly string[] =>
  names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text));

describe('docs/telemetry.md', () => {
  it.each([
    ['container_doctor_claude_requests_total', CLAUDE_OUTCOMES],
    ['container_doctor_diagnoses_skipped_total', SKIP_REASONS],
    ['container_doctor_diagnosis_duration_seconds', TIERS],
    ['container_doctor_diagnosis_checks_total', CHECKS],
    ['container_doctor_errors_suppressed_total', SUPPRESSIONS],
    ['container_doctor_approvals_total', [...APPROVAL_OUTCOMES, ...APPROVAL_SOURCES]],
    ['container_doctor_decisions_total', DECISION_KINDS],
    ['container_doctor_restarts_total', OUTCOMES],
    // `paused`: no request was sent.
    ['gen_ai_client_operation_duration_seconds', Object.keys(LOCAL_FAILURES).filter((name) => name !== 'paused')],
  ] as const)('lists every value of a label of %s', (metric, values) => {
    expect(missingIn(row(metric), values)).toEqual([]);
  });

  it('explains every reason of a decision as alerts do, and no other', () => {
    const rows = Object.entries(DECISION_REASONS).map(([reason, what]) => `| \`${reason}\` | ${what} |`);
    expect(rows.filter((one) => !doc.includes(one))).toEqual([]);
    const [, table = ''] = /\| reason \| meaning \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(doc) ?? [];
    expect(table.trim().split('\n')).toHaveLength(rows.length);
  });

  it('shows every span', () => {
    const names = Object.values(SPANS).map((name) => (typeof name === 'string' ? name : name('').trim()));
    expect(missingIn(doc, names)).toEqual([]);
    expect(doc).toContain('chat {model}');
    expect(doc).toContain('approval {container}');
  });

  it('has every attribute of a span', () => {
    const isNamed = (name: string) => doc.includes(`\`${name}\``) || doc.includes(`\`${name.replace(/^\w+/, '')}\``);
    expect(Object.values(ATTRIBUTES).filter((name) => !isNamed(name))).toEqual([]);
  });
});
