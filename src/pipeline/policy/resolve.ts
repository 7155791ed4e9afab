import { type ContainerRef, type LabelOrigin, UNREAD_LABELS } from '../../domain/containers.ts';
import type { DecisionReason } from '../../domain/decision.ts';
import { type Match, matches } from './match.ts';
import { POLICY_KEYS, POLICY_SETTINGS, type Policy, type PolicyKey, type PolicySetting, RESTARTS } from './settings.ts';
import { statefulImage } from './stateful-images.ts';

/** One rule of the policy file. */
export interface Rule {
  readonly match: Match;
  readonly set: Partial<Policy>;
}

/** The source of a value. */
export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'stateful_image'; readonly image: string }
  /** Counted from 1. */
  | { readonly kind: 'file'; readonly rule: number }
  | { readonly kind: 'label'; readonly label: string }
  /** An invalid label of a setting that can limit restarts. */
  | { readonly kind: 'unclear_label'; readonly label: string };

export interface ResolvedPolicy {
  readonly values: Policy;
  readonly sources: Readonly<Record<PolicyKey, Source>>;
  /** Problems of the labels, for people. Values are quoted and truncated. */
  readonly warnings: readonly string[];
}

export type PolicyOf = (container: ContainerRef) => ResolvedPolicy;

const LABEL_PREFIX = 'container-doctor.';
/** Characters of a value. Patterns are the longest values. */
export const MAX_LABEL_CHARS = 8192;
/** Characters of a label in a warning. */
const LONGEST_QUOTE = 80;

/**
 * Resolves the policy of a container. Labels of its image can only limit restarts: everything else that they, or rules
 * that match them, would set is ignored. While their origin is pending, this applies to all labels, and only to what can
 * limit restarts.
 */
export function resolvePolicy(
  container: ContainerRef,
  rules: readonly Rule[],
  defaults: Policy,
  origin: LabelOrigin = { kind: 'unknowable' },
): ResolvedPolicy {
  const all = resolveWithAllLabels(container, rules, defaults);
  if (origin.kind === 'unknowable' || (origin.kind === 'known' && origin.fromImage.size === 0)) return all;
  const own = resolveWithAllLabels(withoutImageLabels(container, origin), rules, defaults);
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const key of POLICY_KEYS) {
    const takeAll = isStricter(key, all.values, own.values) || (origin.kind === 'pending' && !LIMITS.has(key));
    const from = takeAll ? all : own;
    values[key] = from.values[key];
    sources[key] = from.sources[key];
  }
  const ignored = POLICY_KEYS.flatMap((key) => {
    const source = all.sources[key];
    const isIgnored = origin.kind === 'known' && source.kind === 'label' && sources[key] !== source;
    return isIgnored && origin.fromImage.has(source.label) ? [source.label] : [];
  });
  return {
    values: values as unknown as Policy,
    sources: sources as Record<PolicyKey, Source>,
    warnings: [
      ...all.warnings,
      ...ignored.map(
        (label) =>
          `${container.name}: label ${label} is ignored, because it comes from the image; set it on the container`,
      ),
    ],
  };
}

/** The container as if its image had no labels. Without compose's labels it has no project, and its name is its service. */
function withoutImageLabels(container: ContainerRef, origin: LabelOrigin): ContainerRef {
  const isOwn = (label: string) => origin.kind === 'known' && !origin.fromImage.has(label);
  const labels = Object.fromEntries(Object.entries(container.labels).filter(([label]) => isOwn(label)));
  if (container.labels[COMPOSE_PROJECT] === labels[COMPOSE_PROJECT]) return { ...container, labels };
  const { project: _project, ...rest } = container;
  return { ...rest, service: container.name, labels };
}

const COMPOSE_PROJECT = 'com.docker.compose.project';

/** Settings that an image may make stricter. */
const LIMITS: ReadonlySet<PolicyKey> = new Set<PolicyKey>(['mode', 'restart', 'maxRestartsPerHour', 'quietHours']);

function isStricter(key: PolicyKey, a: Policy, b: Policy): boolean {
  switch (key) {
    case 'restart':
      return RESTARTS.indexOf(a.restart) > RESTARTS.indexOf(b.restart);
    case 'mode':
      return a.mode === 'observe' && b.mode !== 'observe';
    case 'maxRestartsPerHour':
      return a.maxRestartsPerHour < b.maxRestartsPerHour;
    case 'quietHours':
      return b.quietHours.windows.length === 0 && a.quietHours.windows.length > 0;
    default:
      return false;
  }
}

/**
 * Resolves the policy wherever the labels come from. Labels override the file, and the file overrides the defaults; but no label
 * overrides `restart: never` in the file. Within the file, later rules override earlier ones. Known stateful images are
 * never restarted by default. An invalid label of a setting that can limit restarts forbids them until it is corrected.
 */
function resolveWithAllLabels(container: ContainerRef, rules: readonly Rule[], defaults: Policy): ResolvedPolicy {
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

/** The source of a value, for people. */
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
      return `invalid label ${source.label}`;
    default:
      return source satisfies never;
  }
}

/** The policy value that a decision is based on, with its source, for people; undefined if it is not based on one. */
export function policyBehind(
  reason: DecisionReason,
  { values, sources }: Pick<ResolvedPolicy, 'values' | 'sources'>,
): string | undefined {
  // Nothing but this setting makes it the default.
  if (reason === 'policy_ask' && sources.restart.kind === 'default') return 'AUTO_FIX=ask';
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
  /** The first invalid label of a setting that can limit restarts. */
  readonly unclear?: string;
  readonly warnings: readonly string[];
}

const KNOWN_LABELS = POLICY_KEYS.map((key) => POLICY_SETTINGS[key].name).join(', ');
/** Unknown labels of a container that are named in warnings. */
const UNKNOWN_NAMED = 5;

const KEY_BY_LABEL = new Map(POLICY_KEYS.map((key) => [LABEL_PREFIX + POLICY_SETTINGS[key].name, key]));

function readLabels({ name, labels }: ContainerRef): ReadLabels {
  const read = new Map<PolicyKey, { value: unknown; label: string }>();
  const warnings: string[] = [];
  const unknown: string[] = [];
  let unclear: string | undefined;
  for (const [label, text] of Object.entries(labels)) {
    if (!label.startsWith(LABEL_PREFIX)) continue;
    if (label === UNREAD_LABELS) {
      unclear ??= label;
      warnings.push(`${name}: has too many or too long labels to read them all; it is not restarted`);
      continue;
    }
    const key = KEY_BY_LABEL.get(label);
    if (key === undefined) {
      unknown.push(quote(label));
      continue;
    }
    // Compose replaces a variable that is not set with an empty text.
    if (text.trim() === '') continue;
    const { allowed, limits, parse, explain } = POLICY_SETTINGS[key];
    const value = text.length > MAX_LABEL_CHARS ? undefined : parse(text);
    if (value !== undefined) {
      read.set(key, { value, label });
      continue;
    }
    if (limits) unclear ??= label;
    const effect = limits ? 'the container is not restarted until it is corrected' : 'it is ignored';
    const why = text.length > MAX_LABEL_CHARS ? `longer than ${MAX_LABEL_CHARS} characters` : explain?.(text);
    const must = `must be ${allowed}${why === undefined ? '' : ` (${why})`}`;
    warnings.push(`${name}: label ${label}=${quote(text)} is invalid: ${must}; ${effect}`);
  }
  for (const label of unknown.slice(0, UNKNOWN_NAMED)) {
    warnings.push(`${name}: unknown label ${label}; must be one of ${LABEL_PREFIX}{${KNOWN_LABELS}}`);
  }
  if (unknown.length > UNKNOWN_NAMED) {
    warnings.push(`${name}: and ${unknown.length - UNKNOWN_NAMED} more unknown labels that begin with ${LABEL_PREFIX}`);
  }
  return { read, unclear, warnings };
}

function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text);
}
