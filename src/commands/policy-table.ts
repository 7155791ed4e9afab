import type { ContainerRef } from '../domain/containers.ts';
import { matches } from '../pipeline/policy/match.ts';
import { describeSource, type ResolvedPolicy, type Rule } from '../pipeline/policy/resolve.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type Policy, type PolicyKey } from '../pipeline/policy/settings.ts';
import { statefulImage } from '../pipeline/policy/stateful-images.ts';
import { alignedRows } from './aligned-rows.ts';

export interface ContainerPolicy {
  readonly container: ContainerRef;
  readonly policy: ResolvedPolicy;
}

/**
 * Lists the policy of each container with the source of each value. Without `verbose`, omits default values, and lists
 * containers that have only defaults in one line.
 */
export function policyTable(containers: readonly ContainerPolicy[], { verbose }: { verbose: boolean }): string {
  const rows: string[][] = [];
  const allDefault: string[] = [];
  for (const { container, policy } of containers) {
    const keys = POLICY_KEYS.filter((key) => verbose || policy.sources[key].kind !== 'default');
    if (keys.length === 0) allDefault.push(container.name);
    keys.forEach((key, i) => {
      rows.push([
        i === 0 ? container.name : '',
        POLICY_SETTINGS[key].name,
        show(key, policy.values),
        describeSource(policy.sources[key]),
      ]);
    });
  }
  const lines = alignedRows(rows);
  if (allDefault.length > 0) lines.push(`all default: ${allDefault.join(', ')}`);
  return lines.map((line) => `  ${line}\n`).join('');
}

/** Warnings about policies that are valid but may be mistakes. */
export function policyWarnings(containers: readonly ContainerPolicy[], rules: readonly Rule[]): readonly string[] {
  const restartable = containers.flatMap(({ container, policy }) => {
    const stateful = statefulImage(container.image);
    if (stateful === undefined || policy.values.restart !== 'auto') return [];
    return [
      `${container.name} runs the stateful image ${stateful} and may be restarted (${describeSource(policy.sources.restart)})`,
    ];
  });
  const unused = rules.flatMap((rule, i) =>
    containers.some(({ container }) => matches(rule.match, container)) ? [] : [`rule ${i + 1} matches no container`],
  );
  return [...containers.flatMap(({ policy }) => policy.warnings), ...restartable, ...unused];
}

/** The containers whose restarts would wait for a person, sorted. */
export function askingContainers(containers: readonly ContainerPolicy[]): readonly string[] {
  return containers
    .filter(({ policy: { values } }) => values.enable && values.mode === 'act' && values.restart === 'ask')
    .map(({ container }) => container.name)
    .sort();
}

function show<K extends PolicyKey>(key: K, values: Policy): string {
  return POLICY_SETTINGS[key].show(values[key]);
}
