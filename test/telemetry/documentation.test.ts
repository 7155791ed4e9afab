/** docs/telemetry.md must list what the code defines. prometheus.test.ts checks names, kinds and labels of metrics. */
import { expect, it } from 'vitest';
import { DECISION_REASONS } from '../../src/domain/decision.ts';
import { CONTAINER_COUNTERS, COUNTERS } from '../../src/telemetry/counters.ts';
import { GAUGES, OBSERVED_GAUGES } from '../../src/telemetry/gauges.ts';
import { HISTOGRAMS } from '../../src/telemetry/histograms.ts';
import type { Metric } from '../../src/telemetry/metric.ts';
import { ATTRIBUTES } from '../../src/telemetry/names.ts';
import { readRepositoryFile } from '../deploy/compose-file.ts';

const page = readRepositoryFile('docs/telemetry.md');
const rows = page.split('\n').filter((line) => line.startsWith('| `'));

it('explains each decision reason with the text of the alerts', () => {
  const documented = [...page.matchAll(/^\| `(\w+)` \| ([^|]+) \|$/gm)].map(([, reason, meaning]) => [reason, meaning]);
  expect(Object.fromEntries(documented)).toEqual(DECISION_REASONS);
});

it('lists the values of every label with a closed list, in the row of a metric with that label', () => {
  const metrics: readonly Metric[] = [CONTAINER_COUNTERS, COUNTERS, HISTOGRAMS, GAUGES, OBSERVED_GAUGES].flatMap(
    (table) => Object.values<Metric>(table),
  );
  const missing = metrics.flatMap(({ name, labels }) =>
    Object.entries(labels)
      .filter(([label, values]) => values !== 'open' && label !== 'reason')
      .filter(([label, values]) => {
        const candidates = rows.filter((row) => row.includes(`\`${label}\``));
        return !candidates.some((row) => (values as readonly string[]).every((value) => hasWord(row, value)));
      })
      .map(([label]) => `${name}: ${label}`),
  );
  expect(missing).toEqual([]);
});

it('lists the reasons of suppressed signals and skipped diagnoses in their rows', () => {
  for (const { name, labels } of [COUNTERS.errorsSuppressed, COUNTERS.diagnosesSkipped]) {
    const row = rows.find((line) => line.includes(`\`${name.replaceAll('.', '_')}_total\``)) ?? '';
    expect(labels.reason.filter((reason) => !hasWord(row, reason))).toEqual([]);
  }
});

it('lists every span attribute', () => {
  // Further names in a row may be shortened: `container_doctor.context.lines`, `.context.bytes`.
  const missing = Object.values(ATTRIBUTES).filter(
    (name) => !page.includes(`\`${name}\``) && !page.includes(`\`${name.replace(/^container_doctor/, '')}\``),
  );
  expect(missing).toEqual([]);
});

function hasWord(row: string, word: string): boolean {
  return row.split(/[^\w]+/).includes(word);
}
