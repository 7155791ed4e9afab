/**
 * Faults that spread: does the agent open one incident for each, with the right cause? The faults occur in generated
 * projects of 3 to 30 services on the simulated engine. The model always recommends a restart.
 *
 * CASCADES=tuning: the faults and log messages that the code was tuned with. CASCADES_KIND: only this kind of fault.
 * CASCADES_VERBOSE=1: prints each fault.
 */

import { batches, percentile } from './support.ts';
import type { Fault, FaultKind } from './support-cascade-faults.ts';
import { FAULT_KINDS, seeded } from './support-cascade-faults.ts';
import { FINAL, TUNING } from './support-cascade-wordings.ts';
import { nameOf, type Played, play, type SeenIncident } from './support-cascade-world.ts';

const ROUNDS = 3;
const AT_ONCE = 3;
const FIRST_SEED = { final: 7_000, tuning: 100 };
const GOALS = { f1: 0.95, cause: 0.9, perFault: 1.2, aloneMs: 1_000, awaitedMs: 4_000 };

/** Kinds for which the question need not wait to see whether a dependency has a problem. */
const ALONE: ReadonlySet<FaultKind> = new Set(['own error', 'own crash', 'unhealthy, answers']);

/** An incident, weighted by its occurrences: its true cluster (the fault), and the cluster found (the root incident). */
interface Item {
  readonly weight: number;
  readonly truth: string;
  readonly found: string;
}

/**
 * B³, the weighted mean over all items. Precision: the share of an item's found cluster that is in its true cluster.
 * Recall: the share of its true cluster that is in its found cluster.
 */
function bCubed(items: readonly Item[]): { readonly precision: number; readonly recall: number; readonly f1: number } {
  const total = sum(items.map(({ weight }) => weight));
  const share = (of: (item: Item) => string, other: (item: Item) => string) =>
    sum(
      items.map((item) => {
        const group = items.filter((one) => of(one) === of(item));
        const right = group.filter((one) => other(one) === other(item));
        return (item.weight * sum(right.map(({ weight }) => weight))) / sum(group.map(({ weight }) => weight));
      }),
    ) / total;
  const precision = share(
    ({ found }) => found,
    ({ truth }) => truth,
  );
  const recall = share(
    ({ truth }) => truth,
    ({ found }) => found,
  );
  return { precision, recall, f1: (2 * precision * recall) / (precision + recall) };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function rootOf(incident: SeenIncident, all: readonly SeenIncident[]): SeenIncident {
  const { cause } = incident;
  if (cause?.kind !== 'incident') return incident;
  const next = all.find(({ id }) => id === cause.incidentId);
  return next === undefined || next === incident ? incident : rootOf(next, all);
}

const truthOf = (incident: SeenIncident, { faults }: Played): number =>
  faults.findIndex(({ cause, victims }) =>
    [cause ?? '', ...victims.map(({ service }) => service)].some((service) => nameOf(service) === incident.container),
  );

function itemsOf(played: Played): readonly Item[] {
  const { incidents, seed, kind } = played;
  // Incidents that ended before they were diagnosed cause no alert.
  return incidents
    .filter(({ passed }) => !passed)
    .map((incident) => ({
      weight: incident.occurrences,
      truth: `${kind} ${seed} ${truthOf(incident, played)}`,
      found: `${kind} ${seed} ${rootOf(incident, incidents).id}`,
    }));
}

/** `abstained`: the agent says that the cause is unknown. `none`: it opened no incident. */
function causeOf(fault: Fault, index: number, played: Played): 'right' | 'wrong' | 'abstained' | 'none' {
  const roots = played.incidents
    .filter((incident) => !incident.passed && truthOf(incident, played) === index)
    .map((incident) => rootOf(incident, played.incidents));
  if (roots.length === 0) return fault.kind === 'rolling update' ? 'right' : 'none';
  const counted = new Map<SeenIncident, number>();
  for (const root of roots) counted.set(root, (counted.get(root) ?? 0) + 1);
  const [root] = [...counted].sort((a, b) => b[1] - a[1])[0] as [SeenIncident, number];
  if (fault.cause === undefined)
    return root.cause?.kind === 'external' ? 'right' : root.cause === undefined ? 'wrong' : 'abstained';
  if (root.container === nameOf(fault.cause)) return 'right';
  const { cause } = root;
  if (cause?.kind === 'unknown') return cause.named === nameOf(fault.cause) ? 'right' : 'abstained';
  return 'wrong';
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;

export async function run(): Promise<void> {
  const isTuning = process.env.CASCADES === 'tuning';
  const seedOf = (i: number) => (isTuning ? FIRST_SEED.tuning : FIRST_SEED.final) + i;
  const only = process.env.CASCADES_KIND;
  const plans = Array.from({ length: ROUNDS * FAULT_KINDS.length }, (_, i) => {
    const kind = FAULT_KINDS[i % FAULT_KINDS.length] as FaultKind;
    return { kind, seed: seedOf(i), size: 3 + Math.floor(seeded(seedOf(i) * 31)() * 28) };
  }).filter(({ kind }) => only === undefined || kind === only);
  const all: Played[] = [];
  for (const group of batches(plans, AT_ONCE)) {
    all.push(
      ...(await Promise.all(group.map(({ kind, seed, size }) => play(kind, seed, size, isTuning ? TUNING : FINAL)))),
    );
  }
  report(all);
}

function report(all: readonly Played[]): void {
  const faults = all.flatMap((played) =>
    played.faults.map((fault, i) => ({ played, fault, cause: causeOf(fault, i, played) })),
  );
  console.log(
    `${faults.length} faults in ${all.length} projects of ${Math.min(...all.map((p) => p.services))} to ${Math.max(...all.map((p) => p.services))} services\n`,
  );
  console.log(`${'fault'.padEnd(22)}  F1     cause        alerts  questions  wrong restarts  asked after`);
  for (const kind of FAULT_KINDS) {
    const played = all.filter((one) => one.kind === kind);
    if (played.length === 0) continue;
    const of = faults.filter(({ played: { kind: its } }) => its === kind);
    const count = (what: string) => of.filter(({ cause }) => cause === what).length;
    const asked = played.flatMap(({ askedAfter }) => askedAfter ?? []);
    const counts = [
      ['right', 'right'],
      ['wrong', 'wrong'],
      ['abstained', 'unknown'],
      ['none', 'none'],
    ].flatMap(([what, shown]) => (count(what ?? '') > 0 ? [`${count(what ?? '')} ${shown}`] : []));
    const { f1 } = bCubed(played.flatMap(itemsOf));
    console.log(
      [
        kind.padEnd(22),
        Number.isNaN(f1) ? '  –  ' : f1.toFixed(3),
        counts.join(', ').padEnd(20),
        (sum(played.map(({ alerts }) => alerts)) / of.length).toFixed(2).padStart(5),
        (sum(played.map(({ questions }) => questions)) / of.length).toFixed(2).padStart(7),
        String(sum(played.map(({ wrongRestarts }) => wrongRestarts.length))).padStart(8),
        asked
          .map((ms) => `${Math.round(ms)} ms`)
          .join(', ')
          .padStart(10),
      ].join('  '),
    );
  }
  if (process.env.CASCADES_VERBOSE) for (const played of all) printWorld(played);
  const total = bCubed(all.flatMap(itemsOf));
  const knowable = faults.filter(({ fault }) => fault.knowable);
  const right = knowable.filter(({ cause }) => cause === 'right').length / knowable.length;
  const alerts = sum(all.map((one) => one.alerts)) / faults.length;
  const questions = sum(all.map((one) => one.questions)) / faults.length;
  const restarts = all.flatMap(({ wrongRestarts }) => wrongRestarts);
  const askedAfter = (alone: boolean) =>
    percentile(
      all.filter(({ kind }) => ALONE.has(kind) === alone).flatMap((one) => one.askedAfter ?? []),
      0.95,
    );
  console.log();
  goal(
    'signals into incidents',
    total.f1 >= GOALS.f1,
    `B³ F1 ${total.f1.toFixed(3)} (precision ${total.precision.toFixed(3)}, recall ${total.recall.toFixed(3)})`,
  );
  goal(
    'cause right if it can be known',
    right >= GOALS.cause,
    `${percent(right)} of ${knowable.length}; ${faults.filter(({ cause }) => cause === 'abstained').length} abstentions`,
  );
  goal('alerts per fault', alerts <= GOALS.perFault, alerts.toFixed(2));
  goal('questions per fault', questions <= GOALS.perFault, questions.toFixed(2));
  goal('restarts of other containers', restarts.length === 0, String(restarts.length));
  goal('question, one container, p95', askedAfter(true) <= GOALS.aloneMs, `${Math.round(askedAfter(true))} ms`);
  goal('question, cascades, p95', askedAfter(false) <= GOALS.awaitedMs, `${Math.round(askedAfter(false))} ms`);
}

function goal(what: string, reached: boolean, got: string): void {
  console.log(`${what.padEnd(36)} ${got.padEnd(58)} ${reached ? 'goal reached' : 'GOAL MISSED'}`);
}

function printWorld(played: Played): void {
  console.log(
    `\n${played.kind} (seed ${played.seed}, ${played.services} services), ${played.alerts} alerts, ${played.questions} questions, restarted wrongly: ${played.wrongRestarts.join(' ')}`,
  );
  for (const [i, fault] of played.faults.entries()) {
    console.log(`  cause ${fault.cause ?? 'outside'}, knowable: ${fault.knowable}: ${causeOf(fault, i, played)}`);
    for (const { service, text, crashes } of fault.victims)
      console.log(`    ${service}${crashes ? ' (crashes)' : ''}: ${text.slice(0, 110)}`);
  }
  for (const one of played.incidents) {
    console.log(
      `  incident ${one.id.slice(-4)} ${one.container} ×${one.occurrences} ${one.passed ? 'passed' : JSON.stringify(one.cause ?? 'own')} | ${one.summary.slice(0, 90)}`,
    );
  }
}
