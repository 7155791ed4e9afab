import type { ContainerRef, DecisionReason } from '../../domain.ts';
import { type Match, matches } from './match.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type Policy, type PolicyKey, type PolicySetting } from './settings.ts';
import { statefulImage } from './stateful-images.ts';

/** One rule of the policy file. */
export interface Rule {
  readonly match: Match;
  readonly set: Partial<Policy>;
}

/** Where a value came from. */
export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'stateful_image'; readonly image: string }
  /** Counted from 1. */
  | { readonly kind: 'file'; readonly rule: number }
  | { readonly kind: 'label'; readonly label: string }
  /** A label that limits what is done and cannot be understood. */
  | { readonly kind: 'unclear_label'; readonly label: string };

export interface ResolvedPolicy {
  readonly values: Policy;
  readonly sources: Readonly<Record<PolicyKey, Source>>;
  /** What is wrong with the labels, a sentence each; values are quoted and cut. */
  readonly warnings: readonly string[];
}

export type PolicyOf = (container: ContainerRef) => ResolvedPolicy;

export const LABEL_PREFIX = 'container-doctor.';
const LONGEST_QUOTE = 80;

/**
 * The policy of one container. A label beats the file, the file beats the default; but where the file says
 * `restart: never`, no label lifts that. Within the file a later rule beats an earlier one. Known stateful
 * images are never restarted by default. A label that would limit what is done and cannot be understood
 * forbids restarts until it is mended: whoever wrote it wanted less, not more.
 */
export function resolvePolicy(container: ContainerRef, rules: readonly Rule[], defaults: Policy): ResolvedPolicy {
  const resolution = new Map<PolicyKey, { value: unknown; source: Source }>();
  for (const key of POLICY_KEYS) resolution.set(key, { value: defaults[key], source: { kind: 'default' } });

  const stateful = statefulImage(container.image);
  if (stateful !== undefined) {
    resolution.set('restart', { value: 'never', source: { kind: 'stateful_image', image: stateful } });
  }

  rules.forEach((rule, i) => {
    if (!matches(rule.match, container)) return;
    for (const key of POLICY_KEYS) {
      const value = rule.set[key];
      if (value !== undefined) resolution.set(key, { value, source: { kind: 'file', rule: i + 1 } });
    }
  });

  const { read, unclear, warnings } = readLabels(container);
  const restart = resolution.get('restart');
  const forbidden = restart?.value === 'never' && restart.source.kind === 'file';
  for (const [key, { value, label }] of read) {
    if (key !== 'restart' || !forbidden) resolution.set(key, { value, source: { kind: 'label', label } });
  }
  if (unclear !== undefined && resolution.get('restart')?.value !== 'never') {
    resolution.set('restart', { value: 'never', source: { kind: 'unclear_label', label: unclear } });
  }

  const entries = [...resolution];
  return {
    values: Object.fromEntries(entries.map(([key, { value }]) => [key, value])) as unknown as Policy,
    sources: Object.fromEntries(entries.map(([key, { source }]) => [key, source])) as Record<PolicyKey, Source>,
    warnings,
  };
}

/** Where a value came from, in words. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case 'default':
      return 'default';
    case 'stateful_image':
      return `known stateful image ${source.image}`;
    case 'file':
      return `file rule ${source.rule}`;
    case 'label':
      return `label ${source.label}`;
    case 'unclear_label':
      return `label ${source.label} is not understood`;
    default:
      return source satisfies never;
  }
}

/** The value of the policy that a decision goes back to, and where that came from; undefined where it was none. */
export function policyBehind(
  reason: DecisionReason,
  { values, sources }: Pick<ResolvedPolicy, 'values' | 'sources'>,
): string | undefined {
  const key = keyBehind(reason, values);
  if (key === undefined) return undefined;
  const { name, show } = POLICY_SETTINGS[key] as PolicySetting<unknown>;
  return `${name}: ${show(values[key])} (${describeSource(sources[key])})`;
}

function keyBehind(reason: DecisionReason, { enable, maxRestartsPerHour }: Policy): PolicyKey | undefined {
  switch (reason) {
    case 'policy_never':
      if (!enable) return 'enable';
      return maxRestartsPerHour === 0 ? 'maxRestartsPerHour' : 'restart';
    case 'policy_unclear':
    case 'policy_ask':
    case 'stateful_image':
      return 'restart';
    case 'quiet_hours':
      return 'quietHours';
    case 'observe_mode':
      return 'mode';
    case 'restart_limit':
      return 'maxRestartsPerHour';
    default:
      return undefined;
  }
}

interface ReadLabels {
  readonly read: ReadonlyMap<PolicyKey, { readonly value: unknown; readonly label: string }>;
  /** The first that limits what is done and cannot be understood. */
  readonly unclear?: string;
  readonly warnings: readonly string[];
}

const KEY_BY_LABEL = new Map(POLICY_KEYS.map((key) => [LABEL_PREFIX + POLICY_SETTINGS[key].name, key]));

function readLabels({ name, labels }: ContainerRef): ReadLabels {
  const read = new Map<PolicyKey, { value: unknown; label: string }>();
  const warnings: string[] = [];
  let unclear: string | undefined;
  for (const [label, text] of Object.entries(labels)) {
    if (!label.startsWith(LABEL_PREFIX)) continue;
    const key = KEY_BY_LABEL.get(label);
    if (key === undefined) {
      warnings.push(
        `${name}: there is no label ${quote(label)}; allowed are ${LABEL_PREFIX}{${POLICY_KEYS.map((known) => POLICY_SETTINGS[known].name).join(', ')}}`,
      );
      continue;
    }
    // As compose passes on a variable that is not set.
    if (text.trim() === '') continue;
    const { allowed, limits, parse } = POLICY_SETTINGS[key];
    const value = parse(text);
    if (value !== undefined) {
      read.set(key, { value, label });
      continue;
    }
    if (limits) unclear ??= label;
    const instead = limits ? 'the container is not restarted until it is mended' : 'it is ignored';
    warnings.push(`${name}: label ${label}=${quote(text)} is not understood, ${instead}; allowed is ${allowed}`);
  }
  return { read, unclear, warnings };
}

function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
