/** Fills a store with weeks of plausible incidents, for pictures of the page and its benchmark. */
import type { ContainerRef } from '../../src/domain/containers.ts';
import type { Decision, Outcome } from '../../src/domain/decision.ts';
import type { Severity, Tier } from '../../src/domain/diagnosis.ts';
import type { Logger } from '../../src/lib/log.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { attempt, container, DAY, diagnosis, HOUR, incident, request } from '../store/support-values.ts';

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const MINUTE = HOUR / 60;
/** From the first signal to the decision. */
const DECIDED_MS = 3_200;

interface Kind {
  readonly service: string;
  readonly image: string;
  readonly summary: string;
  readonly rootCause: string;
  readonly fix: string;
  readonly severity: Severity;
  readonly decision: Decision;
  /** One in so many restarts does not help. */
  readonly failsOneIn?: number;
}

const RESTART: Decision = { kind: 'restart', reason: 'restart_allowed' };
const HELD: Decision = { kind: 'notify', reason: 'quiet_hours' };

const KINDS: readonly Kind[] = [
  {
    service: 'api',
    image: 'shop/api:5.1',
    summary: 'ERROR request failed: QueuePool limit of size 5 overflow 10 reached, connection timed out',
    rootCause: 'The pool of database connections is exhausted: requests hold connections longer than its time-out.',
    fix: 'Raise the pool size to 20 and return connections before rendering.',
    severity: 'high',
    decision: RESTART,
    failsOneIn: 11,
  },
  {
    service: 'worker',
    image: 'shop/worker:2.3',
    summary: 'killed because it reached its memory limit of 256 MiB',
    rootCause: 'Image thumbnails are made in memory, and two large ones at once need more than the limit.',
    fix: 'Raise the memory limit to 512 MiB, or process one image at a time.',
    severity: 'high',
    decision: RESTART,
    failsOneIn: 6,
  },
  {
    service: 'mailer',
    image: 'shop/mailer:1.4',
    summary: 'FATAL cannot parse message 48213: unexpected end of JSON input',
    rootCause: 'One message in the queue is cut off and blocks all others.',
    fix: 'Move messages that cannot be parsed to a dead-letter queue.',
    severity: 'high',
    decision: HELD,
  },
  {
    service: 'gateway',
    image: 'shop/gateway:1.9',
    summary: 'ERROR upstream request to pricing timed out after 3000 ms, retrying',
    rootCause: 'The pricing service answered slowly for a moment.',
    fix: 'Nothing, unless it happens often.',
    severity: 'low',
    decision: { kind: 'record', reason: 'severity_too_low' },
  },
  {
    service: 'search',
    image: 'shop/search:0.8',
    summary: 'WARN index is 4 minutes behind: too many open files',
    rootCause: 'The limit of open files is too low for the number of index segments.',
    fix: 'Raise the limit of open files to 65536.',
    severity: 'medium',
    decision: { kind: 'notify', reason: 'severity_too_low' },
  },
];

/** The same sequence in every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface HistoryOptions {
  readonly dataDir: string;
  readonly now: number;
  readonly days: number;
  readonly incidents: number;
}

/** All of them are resolved. The agent may not run meanwhile. */
export async function fillHistory({ dataDir, now, days, incidents }: HistoryOptions): Promise<void> {
  // The store dates decisions itself.
  let clock = now;
  const store = await openStore({ where: { dataDir }, receivers: ['slack'], now: () => clock, logger: silent });
  const random = createRandom(7);
  try {
    for (let n = 0; n < incidents; n++) {
      const age = (days * DAY * (incidents - n)) / (incidents + 1) + random() * HOUR;
      const kind = KINDS[Math.floor(random() * KINDS.length)];
      clock = now - age + DECIDED_MS;
      if (kind) await saveIncident(store, kind, { n, at: now - age, random });
    }
    await store.saveDeployment({
      at: now - 3 * DAY,
      container: refOf('api', 'shop/api:5.1'),
      previousImage: 'shop/api:5.0',
    });
    await store.saveDeployment({ at: now - 9 * HOUR, container: refOf('gateway', 'shop/gateway:1.9') });
    await store.saveAbsence({ kind: 'agent_stopped', from: now - 2 * DAY, to: now - 2 * DAY + 2 * HOUR });
  } finally {
    await store.close();
  }
}

function refOf(service: string, image: string): ContainerRef {
  const id = Buffer.from(service).toString('hex').padEnd(64, '0');
  return container({ id, name: service, image, service, project: undefined, labels: {} });
}

async function saveIncident(
  store: Store,
  kind: Kind,
  { n, at, random }: { readonly n: number; readonly at: number; readonly random: () => number },
): Promise<void> {
  const id = `past-${n}`;
  const ref = refOf(kind.service, kind.image);
  const lasted = MINUTE * (0.5 + 20 * random() ** 3);
  const known = random() < 0.55;
  const rules = !known && random() < 0.25;
  const tier: Tier = known ? 'known' : rules ? 'rules' : 'claude';
  const strong = random() < 0.15;
  const model = strong ? 'claude-opus-4-8' : 'claude-haiku-4-5';
  const costUsd = tier === 'claude' ? (strong ? 0.05 : 0.004) * (0.7 + random()) : 0;
  await store.saveIncident(
    incident({
      id,
      container: ref,
      fingerprint: `${kind.service}-${n % 3}`,
      summary: kind.summary,
      patterns: ['error'],
      openedAt: at,
      lastSeenAt: at + lasted / 2,
      occurrences: 1 + Math.floor(40 * random() ** 2),
      trace: undefined,
    }),
  );
  if (tier === 'claude') {
    await store.recordAsk({ at: at + 500, incidentId: id });
    await store.recordRequests([
      request({ at: at + 3_000, incidentId: id, containerName: kind.service, model, costUsd }),
    ]);
  }
  await store.saveDiagnosis(
    id,
    diagnosis({
      rootCause: kind.rootCause,
      suggestedFix: kind.fix,
      severity: kind.severity,
      tier,
      model: tier === 'rules' ? undefined : model,
      rules: tier === 'rules' ? ['pool_exhausted'] : [],
      costUsd,
      at: at + 3_100,
      answeredAt: at + 3_100,
    }),
  );
  await store.saveDecision(id, kind.decision);
  if (kind.decision.kind === 'restart') {
    const failed = kind.failsOneIn !== undefined && random() < 1 / kind.failsOneIn;
    const outcome: Outcome = failed ? 'failed' : 'recovered';
    await store.beginAttempt(
      attempt({
        id: `attempt-${n}`,
        incidentId: id,
        containerId: ref.id,
        containerName: ref.name,
        service: ref.service,
        project: ref.project,
        startedAt: at + 3_300,
      }),
    );
    await store.finishAttempt(`attempt-${n}`, {
      outcome,
      detail: failed ? 'it exited again with code 1' : 'it has run for 60 s without an error',
      finishedAt: at + 8_000 + 30_000 * random(),
    });
    if (random() < 0.2) {
      await store.saveVerdict(id, { verdict: failed ? 'wrong' : 'right', at: at + HOUR });
    }
  } else if (kind.decision.reason === 'quiet_hours') {
    await store.saveAftermath(id, random() < 0.5 ? 'restarted_by_person' : 'came_back', at + lasted);
  }
  await store.saveSettled(id, at + lasted / 2);
  await store.resolveIncident(id, at + lasted);
}
