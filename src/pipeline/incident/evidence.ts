import type { ContainerFacts } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import { cutMiddle, plainText } from '../../lib/text.ts';
import type { ConfigurationChange, DependencyState, DiagnosisContext } from '../ports/model.ts';
import type { IncidentEvidence } from '../ports/pages.ts';

/** About 30 KB at most for an incident; usually 4 KB. */
const SIGNALS = 10;
const SIGNAL_CHARS = 1_500;
const LINES = 60;
const LINE_CHARS = 300;
const EVENTS = 30;
const CONTAINERS = 60;
const CHANGES = 20;

/** What the pages show of the context of a diagnosis. `signals`: those that the context was collected for come first. */
export function toEvidence(context: DiagnosisContext, signals: readonly Signal[], now: number): IncidentEvidence {
  return {
    collectedAt: now,
    signals: context.evidence.slice(0, SIGNALS).flatMap((text, i) => {
      const signal = signals[i];
      if (signal === undefined) return [];
      const { at, detector, exitCode, patterns } = signal;
      return [{ at, detector, exitCode, patterns, text: shown(text, SIGNAL_CHARS) }];
    }),
    excerpt: excerptOf(context),
    facts: context.facts && factsOf(context.facts),
    engineEvents: (context.timeline ?? []).slice(-EVENTS),
    changes: (context.changes?.changes ?? []).slice(0, CHANGES).map(describeChange),
    graph: graphOf(context),
  };
}

function excerptOf({ evidence, logLines }: DiagnosisContext): IncidentEvidence['excerpt'] {
  const evidenceLines = new Set(
    evidence.flatMap((record) => plainText(record).split('\n')).filter((line) => line.trim() !== ''),
  );
  const lines = logLines.map((line) => {
    const text = plainText(line);
    return { text, isEvidence: evidenceLines.has(text) };
  });
  // The evidence may be further up than the last lines: then the excerpt begins a little before it.
  const first = lines.findIndex(({ isEvidence }) => isEvidence);
  const end = first < 0 ? lines.length : Math.min(lines.length, Math.max(first - 5, 0) + LINES);
  return lines
    .slice(Math.max(0, end - LINES), end)
    .map((line) => ({ ...line, text: cutMiddle(line.text, LINE_CHARS) }));
}

function factsOf(facts: ContainerFacts): NonNullable<IncidentEvidence['facts']> {
  return {
    status: facts.status,
    health: facts.health,
    exit_code: facts.exitCode,
    oom_killed: facts.oomKilled,
    error: shown(facts.error, SIGNAL_CHARS),
    started_at: timeOf(facts.startedAt),
    finished_at: timeOf(facts.finishedAt),
    restart_count: facts.restartCount,
    restart_policy: facts.restartPolicy,
    memory_limit: facts.memoryLimit,
    image: facts.image ?? null,
    orchestrator: facts.orchestrator ?? null,
  };
}

function graphOf(context: DiagnosisContext): IncidentEvidence['graph'] {
  const { incident, members = [], dependants = [], dependencies = [], edges = [] } = context;
  if (members.length + dependants.length + dependencies.length + edges.length === 0) return undefined;
  type Node = NonNullable<IncidentEvidence['graph']>['containers'][number];
  const nodes = new Map<string, Node>([[incident.container.name, { name: incident.container.name, role: 'self' }]]);
  const add = (node: Node): void => {
    if (!nodes.has(node.name) && nodes.size < CONTAINERS) nodes.set(node.name, node);
  };
  for (const { container } of members) add({ name: container, role: 'member' });
  for (const { container, state } of dependencies)
    add({ name: container, role: 'dependency', state: describeState(state) });
  for (const name of dependants) add({ name, role: 'dependant' });
  for (const { from, to } of edges) for (const name of [from, to]) add({ name, role: 'other' });
  return { containers: [...nodes.values()], edges: edges.filter(({ from, to }) => nodes.has(from) && nodes.has(to)) };
}

function describeState(state: DependencyState['state']): string | undefined {
  if (state === undefined || state === 'gone') return state;
  return state.health === 'none' ? state.status : `${state.status}, ${state.health}`;
}

function describeChange({ setting, before, after, added = [], removed = [] }: ConfigurationChange): string {
  const parts = [
    ...(before === undefined && after === undefined ? [] : [`${before ?? 'nothing'} → ${after ?? 'nothing'}`]),
    ...(added.length > 0 ? [`added ${added.join(', ')}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(', ')}`] : []),
  ];
  return shown(`${setting}: ${parts.join('; ')}`, SIGNAL_CHARS);
}

function shown(text: string, max: number): string {
  return cutMiddle(plainText(text), max);
}

function timeOf(time: number): string | null {
  return time > 0 && time <= 8.64e15 ? new Date(time).toISOString() : null;
}
