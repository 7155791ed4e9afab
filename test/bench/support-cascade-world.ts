/** Simulates one generated fault for the real agent on the simulated engine, and reads the resulting incidents. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { IncidentCause } from '../../src/domain/incident.ts';
import { answer } from '../support/claude-server.ts';
import { eventually } from '../support/eventually.ts';
import { type AdjustableClock, createAdjustableClock } from '../support/fast-clock.ts';
import { type FastWorld, startFastWorld } from '../support/fast-world.ts';
import { SAFE } from '../support/world.ts';
import {
  type Fault,
  type FaultKind,
  generateFault,
  generateTopology,
  type Random,
  seeded,
  type Topology,
} from './support-cascade-faults.ts';
import type { Wordings } from './support-cascade-wordings.ts';

export interface SeenIncident {
  readonly id: string;
  readonly container: string;
  readonly summary: string;
  readonly occurrences: number;
  readonly cause?: IncidentCause;
  /** It ended before it was diagnosed, because its dependency came back. */
  readonly passed: boolean;
}

export interface Played {
  readonly kind: FaultKind;
  readonly seed: number;
  readonly services: number;
  readonly faults: readonly Fault[];
  readonly incidents: readonly SeenIncident[];
  readonly alerts: number;
  readonly questions: number;
  /** Names of restarted containers that are not a cause. */
  readonly wrongRestarts: readonly string[];
  /** From the first signal to the first question, ms; undefined if there was no question. */
  readonly askedAfter?: number;
}

const PROJECT = 'shop';
const FAST = 40;
/** Long enough for a restart that waits for a late health check. */
const WATCHED_S = 170;

export async function play(kind: FaultKind, seed: number, size: number, wordings: Wordings): Promise<Played> {
  const random = seeded(seed);
  const topology = generateTopology(PROJECT, size, random, kind === 'cycle');
  const clock = createAdjustableClock(FAST);
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-cascade-'));
  const world = await startFastWorld({
    clock,
    dataDir: folder,
    containers: topology.containers,
    claude: () => answer(SAFE),
    env: { CHECK_INTERVAL: '5', VERIFY_STABLE_SECONDS: '3', VERIFY_DEADLINE_SECONDS: '20' },
  });
  try {
    await clock.sleep(20_000);
    const faults = faultsOf(kind, { topology, random, wordings, world });
    clock.speed = 1;
    await untilIdle(world);
    const startedAt = clock.now();
    await Promise.all(faults.map((fault) => perform(fault, topology, world, clock)));
    await clock.sleep(4_500);
    clock.speed = FAST;
    await clock.sleep(WATCHED_S * 1_000);
    clock.speed = 1;
    const causes = new Set(faults.map(({ cause }) => nameOf(cause ?? '')));
    const asked = world.claude.requests[0]?.at;
    const first = Math.min(
      ...faults.flatMap(({ victims, says, cause, kind: of }) => [
        ...victims.map(({ at }) => Math.max(0, at)),
        ...(says !== undefined || (cause !== undefined && SIGNALS.has(of)) ? [0] : []),
      ]),
    );
    return {
      kind,
      seed,
      services: topology.services.size,
      faults,
      incidents: readIncidents(folder),
      alerts: world.slack.posts.length,
      questions: world.claude.requests.length,
      wrongRestarts: world.engine.requests.flatMap(({ operation, container }) =>
        operation === 'restart' && container !== undefined && !causes.has(container) ? [container] : [],
      ),
      ...(asked !== undefined && { askedAfter: asked - startedAt - first }),
    };
  } finally {
    clock.speed = FAST;
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const POLL_MS = 50;
/** As many polls without a new request to the engine. The agent asks only every few seconds while nothing happens. */
const QUIET_POLLS = 5;

/** Resolves when work that began at high speed has ended: the fault comes after that, and its delays are measured. */
async function untilIdle({ engine }: FastWorld): Promise<void> {
  let seen = -1;
  let quiet = 0;
  await eventually(
    () => {
      quiet = engine.requests.length === seen ? quiet + 1 : 0;
      seen = engine.requests.length;
      return quiet >= QUIET_POLLS ? true : undefined;
    },
    { deadlineMs: 10_000, everyMs: POLL_MS },
  );
}

/** Kinds in which the engine reports the cause at once. */
const SIGNALS: ReadonlySet<FaultKind> = new Set([
  'crash',
  'out of memory',
  'own crash',
  'unhealthy, answers',
  'two faults',
  'cycle',
]);

interface Setting {
  readonly topology: Topology;
  readonly random: Random;
  readonly wordings: Wordings;
  readonly world: FastWorld;
}

function faultsOf(kind: FaultKind, { topology, random, wordings, world }: Setting): readonly Fault[] {
  const addressOf = (service: string) => world.engine.container(nameOf(service))?.address(`${PROJECT}_default`) ?? '';
  const taken = new Set<string>();
  const faults: Fault[] = [];
  for (const one of kind === 'two faults' ? (['two faults', 'two faults'] as const) : [kind]) {
    const fault = generateFault({ topology, kind: one, random, wordings, addressOf, taken });
    if (fault === undefined || (fault.cause === undefined && fault.victims.length === 0)) continue;
    faults.push(fault);
    for (const { service } of fault.victims) taken.add(service);
    if (fault.cause !== undefined) taken.add(fault.cause);
  }
  return faults;
}

async function perform(fault: Fault, topology: Topology, world: FastWorld, clock: AdjustableClock): Promise<void> {
  const container = (service: string) => world.engine.container(nameOf(service));
  const cause = fault.cause === undefined ? undefined : container(fault.cause);
  const begun = clock.monotonic();
  const strike = async (): Promise<void> => {
    if (fault.says !== undefined) cause?.log(fault.says, { stream: 'stderr' });
    switch (fault.kind) {
      case 'crash':
      case 'own crash':
      case 'two faults':
      case 'cycle':
        cause?.exit(1);
        break;
      case 'out of memory':
        cause?.oom();
        break;
      case 'stopped by a person':
        await cause?.stop();
        break;
      case 'paused':
        cause?.pause();
        break;
      case 'off the network':
        cause?.disconnect(`${PROJECT}_default`);
        break;
      case 'unhealthy, answers':
        cause?.setHealth('unhealthy', 'slow');
        break;
      case 'late health check':
        void clock.sleep(fault.noticedAfter ?? 0).then(() => cause?.setHealth('unhealthy', 'no response'));
        break;
      case 'rolling update':
        await cause?.stop();
        cause?.remove();
        void clock.sleep(4_000).then(() => {
          const again = topology.containers.find(({ name }) => name === cause?.name);
          if (again !== undefined) world.engine.addContainer(again);
        });
        break;
      default:
        break;
    }
  };
  const steps = [
    { at: 0, act: strike },
    ...fault.victims.map((victim) => ({
      at: Math.max(0, victim.at),
      act: async () => {
        const one = container(victim.service);
        one?.log(victim.text, { stream: 'stderr' });
        if (victim.crashes) one?.exit(1);
      },
    })),
  ].sort((a, b) => a.at - b.at);
  for (const { at, act } of steps) {
    await clock.sleep(Math.max(0, begun + at - clock.monotonic()));
    await act();
  }
  // Each victim logs two more errors while the fault lasts.
  for (const later of [1_000, 3_000]) {
    void clock.sleep(later).then(() => {
      for (const { service, text, crashes } of fault.victims)
        if (!crashes) container(service)?.log(text, { stream: 'stderr' });
    });
  }
}

export function nameOf(service: string): string {
  return `${PROJECT}-${service}-1`;
}

function readIncidents(folder: string): readonly SeenIncident[] {
  const database = new DatabaseSync(path.join(folder, 'doctor.db'), { readOnly: true });
  try {
    const rows = database
      .prepare('SELECT id, container_name, summary, occurrences, cause, diagnosis, decision_reason FROM incidents')
      .all() as Record<string, string | number | null>[];
    return rows.map((row) => {
      const cause = row.cause === null ? undefined : (JSON.parse(String(row.cause)) as IncidentCause);
      const isFolded = row.diagnosis === null && row.decision_reason === 'dependency_down';
      return {
        id: String(row.id),
        container: String(row.container_name),
        summary: String(row.summary),
        occurrences: Number(row.occurrences),
        cause,
        passed: isFolded && cause?.kind !== 'incident',
      };
    });
  } finally {
    database.close();
  }
}
