import type { ContainerRef } from '../domain.ts';
import { matches } from '../pipeline/policy/match.ts';
import { describeSource, type ResolvedPolicy, type Rule } from '../pipeline/policy/resolve.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type Policy, type PolicyKey } from '../pipeline/policy/settings.ts';
import { statefulImage } from '../pipeline/policy/stateful-images.ts';

export interface ContainerPolicy {
  readonly container: ContainerRef;
  readonly policy: ResolvedPolicy;
}

/**
 * The policy of every container, and where each value came from: what differs from the default, or with
 * `verbose` everything. Containers of which nobody said anything share one line.
 */
export function policyTable(containers: readonly ContainerPolicy[], { verbose }: { verbose: boolean }): string {
  const rows: string[][] = [];
  const plain: string[] = [];
  for (const { container, policy } of containers) {
    const keys = POLICY_KEYS.filter((key) => verbose || policy.sources[key].kind !== 'default');
    if (keys.length === 0) plain.push(container.name);
    keys.forEach((key, i) => {
      rows.push([
        i === 0 ? container.name : '',
        POLICY_SETTINGS[key].name,
        show(key, policy.values),
        describeSource(policy.sources[key]),
      ]);
    });
  }
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
  if (plain.length > 0) lines.push(`  all as default: ${plain.join(', ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

/** What is allowed and yet deserves a second look. */
export function policyNotes(containers: readonly ContainerPolicy[], rules: readonly Rule[]): readonly string[] {
  const lifted = containers.flatMap(({ container, policy }) => {
    const stateful = statefulImage(container.image);
    if (stateful === undefined || policy.values.restart !== 'auto') return [];
    return [`${container.name} is a ${stateful}, and may be restarted (${describeSource(policy.sources.restart)})`];
  });
  const idle = rules.flatMap((rule, i) =>
    containers.some(({ container }) => matches(rule.match, container)) ? [] : [`rule ${i + 1} matches no container`],
  );
  return [...containers.flatMap(({ policy }) => policy.warnings), ...lifted, ...idle];
}

function show<K extends PolicyKey>(key: K, values: Policy): string {
  return POLICY_SETTINGS[key].show(values[key]);
}
