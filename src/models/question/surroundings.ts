/** Renders what is known around the container that fails. Names and records are quoted; everything else is our own. */
import type { ContainerFacts } from '../../domain/containers.ts';
import type { ResourceUse } from '../../pipeline/ports/engine.ts';
import type {
  AffectedContainer,
  ConfigurationChange,
  DependencyState,
  DiagnosisContext,
  ServiceChanges,
  Surroundings,
  TimelineEntry,
} from '../../pipeline/ports/model.ts';
import type { PromptBudget } from './budget.ts';
import { iso, type Quote } from './render.ts';

/** The share of the rest of the question: with what the system prompt says of it, the question grows by at most half. */
const SHARE = 0.33;
/** Characters of a member's record. The head of an error record says what failed. */
const RECORD = 300;
/** Names in one changed list. */
const NAMES = 10;
/** Characters of the id that each line gets, such as ` [F12]`. */
const ID = 6;
const MIB = 2 ** 20;

interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** Where not all fit, the newest are shown. */
  readonly keep?: 'last';
}

/** The sections, the most telling first, within a budget. `rest`: characters of the question without them. */
export function renderSurroundings(
  context: DiagnosisContext,
  quote: Quote,
  rest: number,
  max: PromptBudget['surroundings'],
): string[][] {
  const { members = [], dependants = [], dependencies = [], edges = [], timeline = [], changes, incident } = context;
  let left = members.length > 0 ? max.ofGroup : Math.min(max.ofOne, rest * SHARE);
  const sections: readonly Section[] = [
    {
      title: 'Other containers that suffer from it, each with its first record:',
      lines: renderMembers(members, quote),
    },
    { title: 'Further containers that depend on it:', lines: dependants.map((name) => `- ${quote(name)}`) },
    {
      title: 'What the container depends on, and its state now:',
      lines: renderDependencies(dependencies, incident.lastSeenAt, quote),
    },
    ...renderChanges(changes, quote),
    {
      title: 'Engine events of these containers in the last 15 minutes, oldest first:',
      lines: renderTimeline(timeline, quote),
      keep: 'last',
    },
    { title: 'Dependencies between other containers:', lines: renderEdges(edges, incident.container.name, quote) },
  ];
  return sections.flatMap(({ title, lines, keep }) => {
    const shown = withinBudget(lines, left - title.length, keep === 'last');
    if (shown.length === 0) return [];
    const section = [title, ...shown];
    left -= section.reduce((sum, line) => sum + line.length + ID + 1, 0);
    return [section];
  });
}

function withinBudget(lines: readonly string[], budget: number, fromEnd: boolean): readonly string[] {
  const ordered = fromEnd ? lines.toReversed() : lines;
  const shown: string[] = [];
  let left = budget;
  for (const line of ordered) {
    left -= line.length + ID + 1;
    if (left < 0) break;
    shown.push(line);
  }
  if (shown.length === 0) return [];
  const missing = lines.length - shown.length;
  const note = missing > 0 ? [`- and ${missing} more`] : [];
  return fromEnd ? [...note, ...shown.toReversed()] : [...shown, ...note];
}

function renderMembers(members: readonly AffectedContainer[], quote: Quote): readonly string[] {
  return members.map(({ container, occurrences, record }) => {
    const count = `${occurrences} error${occurrences === 1 ? '' : 's'}`;
    return `- ${quote(container)} (${count})${record === undefined ? '' : `: ${quote(record.slice(0, RECORD))}`}`;
  });
}

function renderDependencies(dependencies: readonly DependencyState[], now: number, quote: Quote): readonly string[] {
  return dependencies.map(
    ({ container, evidence, state }) =>
      `- ${quote(container)} (known from: ${EVIDENCE[evidence]}): ${describeState(state, now)}`,
  );
}

const EVIDENCE: Readonly<Record<DependencyState['evidence'], string>> = {
  compose: 'depends_on',
  network: 'a shared network namespace or a link',
  environment: 'its environment',
  observed: 'its errors',
};

function describeState(state: DependencyState['state'], now: number): string {
  if (state === undefined) return 'not known, the engine did not answer';
  if (state === 'gone') return 'it does not exist';
  const { status, health, startedAt, finishedAt, exitCode } = state;
  if (status === 'running') {
    const checked = health === 'none' ? 'no health check' : health;
    return `running for ${duration(now - startedAt)}, ${checked}`;
  }
  if (status === 'exited' || status === 'dead') {
    return `${status} with exit code ${exitCode} for ${duration(now - finishedAt)}`;
  }
  return status;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
    [1, 'second'],
  ] as const;
  const [size, unit] = units.find(([size]) => seconds >= 2 * size) ?? [1, 'second'];
  const count = Math.floor(seconds / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function renderChanges(changes: ServiceChanges | undefined, quote: Quote): readonly Section[] {
  if (changes === undefined) return [];
  if (changes.changes.length === 0) {
    return [{ title: 'Configuration:', lines: [`- no change was seen since ${iso(changes.from)}`] }];
  }
  const title = `Configuration changed between ${iso(changes.from)} and ${iso(changes.to)}:`;
  return [{ title, lines: changes.changes.map((change) => renderChange(change, quote)) }];
}

function renderChange({ setting, before, after, added = [], removed = [] }: ConfigurationChange, quote: Quote): string {
  if (before !== undefined && after !== undefined) return `- ${setting}: before ${quote(before)}, now ${quote(after)}`;
  const parts = [
    ...(added.length > 0 ? [`added ${renderNames(added, quote)}`] : []),
    ...(removed.length > 0 ? [`removed ${renderNames(removed, quote)}`] : []),
  ];
  return `- ${setting}: ${parts.length > 0 ? parts.join('; ') : 'changed'}`;
}

function renderNames(names: readonly string[], quote: Quote): string {
  const shown = names.slice(0, NAMES).map(quote).join(', ');
  return names.length > NAMES ? `${shown} and ${names.length - NAMES} more` : shown;
}

function renderTimeline(timeline: readonly TimelineEntry[], quote: Quote): readonly string[] {
  return timeline.map(({ at, container, what }) => `- ${iso(at)} ${quote(container)}: ${what}`);
}

/** Those of the failing container itself are listed with the state of its dependencies. */
function renderEdges(edges: NonNullable<Surroundings['edges']>, own: string, quote: Quote): readonly string[] {
  return edges
    .filter(({ from }) => from !== own)
    .map(({ from, to, evidence }) => `- ${quote(from)} depends on ${quote(to)} (known from: ${EVIDENCE[evidence]})`);
}

/** Lines among the facts of the engine. */
export function renderResources(use: ResourceUse | undefined, facts: ContainerFacts): readonly string[] {
  if (use === undefined) return [];
  const { memory, pids, pidsLimit, cpuThrottling } = use;
  const lines: string[] = [];
  if (memory !== undefined) {
    const share = facts.memoryLimit > 0 ? ` (${Math.round((memory / facts.memoryLimit) * 100)} % of its limit)` : '';
    lines.push(`- memory in use now: ${Math.round(memory / MIB)} MiB${share}`);
  }
  if (cpuThrottling !== undefined) {
    const { periods, throttledPeriods, throttledMs } = cpuThrottling;
    const seconds = Math.round(throttledMs / 1000);
    lines.push(
      `- CPU: throttled in ${Math.round((throttledPeriods / periods) * 100)} % of periods, ${seconds} s in all`,
    );
  }
  if (pids !== undefined) {
    lines.push(`- processes and threads: ${pids}${pidsLimit === undefined ? '' : ` of at most ${pidsLimit}`}`);
  }
  return lines;
}
