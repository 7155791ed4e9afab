/** Plays one incident to the real agent on the simulated engine, and reads what the agent made of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Diagnosis } from '../../src/domain/diagnosis.ts';
import type { IncidentCause } from '../../src/domain/incident.ts';
import type { AdjustableClock } from '../support/fast-clock.ts';
import { startFastWorld } from '../support/fast-world.ts';
import { incidentOf } from '../support/slack-server.ts';
import type { RecordedIncident } from './support-incident-folder.ts';
import { replyOf, type StandIn } from './support-incident-models.ts';
import { createReplay, type Replay } from './support-incident-replay.ts';
import type { AgentIncident, Play } from './support-incident-score.ts';
import { createSteppedClock } from './support-stepped-clock.ts';

/** The recording is played this much faster, and the time after it. */
const SPEED = { recording: 8, after: 40 } as const;
/** Before the recording, so that the agent knows the containers. */
const WARM_UP_MS = 15_000;
/** After the recording, until every incident is settled, but at most as long as a victim waits for its cause. */
const AFTER_MS = { least: 45_000, most: 190_000, poll: 5_000 } as const;

export interface PlayOptions {
  readonly standIn: StandIn;
  /** Settings that replace those of the stand-in, for a real model. */
  settings?(clock: AdjustableClock): Promise<Readonly<Record<string, string>>>;
}

export async function playIncident(incident: RecordedIncident, options: PlayOptions): Promise<Play> {
  const clock = createSteppedClock(SPEED.after);
  const folder = mkdtempSync(path.join(tmpdir(), 'doctor-incident-'));
  let replay: Replay | undefined;
  const world = await startFastWorld({
    clock,
    dataDir: folder,
    containers: [],
    prepare: (engine) => {
      replay = createReplay(incident, engine, clock);
      replay.prepare();
    },
    claude: replyOf(options.standIn, incident),
    env: {
      CHECK_INTERVAL: '5',
      VERIFY_STABLE_SECONDS: '3',
      VERIFY_DEADLINE_SECONDS: '20',
      MAX_ALERTS_PER_MINUTE: '1000',
      ...incident.truth.settings,
      ...(await options.settings?.(clock)),
    },
  });
  try {
    await clock.sleep(WARM_UP_MS);
    clock.speed = SPEED.recording;
    await replay?.play();
    await clock.sleep(3_000);
    clock.speed = SPEED.after;
    await clock.sleep(AFTER_MS.least);
    for (let waited = AFTER_MS.least; waited < AFTER_MS.most && !allSettled(folder); waited += AFTER_MS.poll) {
      await clock.sleep(AFTER_MS.poll);
    }
    const { requests } = world.engine;
    return {
      incident,
      incidents: readIncidents(folder),
      alerts: world.slack.posts.filter((post) => incidentOf(post) !== undefined).map(({ text }) => text),
      questions: world.claude.requests.map(({ prompt }) => prompt),
      restarts: requests.flatMap(({ operation, container }) => (operation === 'restart' ? [container ?? ''] : [])),
      otherActions: requests.flatMap(({ operation, container }) =>
        ['start', 'stop', 'kill'].includes(operation) ? [`${operation} ${container}`] : [],
      ),
    };
  } finally {
    await world.close();
    clock.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function allSettled(folder: string): boolean {
  const database = new DatabaseSync(path.join(folder, 'doctor.db'), { readOnly: true });
  try {
    const open = database.prepare('SELECT count(*) AS count FROM incidents WHERE settled_at IS NULL').get();
    return open?.count === 0;
  } finally {
    database.close();
  }
}

function readIncidents(folder: string): readonly AgentIncident[] {
  const database = new DatabaseSync(path.join(folder, 'doctor.db'), { readOnly: true });
  try {
    const rows = database
      .prepare('SELECT id, container_name, summary, cause, diagnosis, decision_reason FROM incidents')
      .all() as Record<string, string | null>[];
    return rows.map((row) => {
      const cause = row.cause == null ? undefined : (JSON.parse(row.cause) as IncidentCause);
      const isFolded = row.diagnosis === null && row.decision_reason === 'dependency_down';
      return {
        id: row.id ?? '',
        container: row.container_name ?? '',
        summary: row.summary ?? '',
        cause,
        diagnosis: row.diagnosis == null ? undefined : (JSON.parse(row.diagnosis) as Diagnosis),
        reason: row.decision_reason ?? '',
        passed: isFolded && cause?.kind !== 'incident',
      };
    });
  } finally {
    database.close();
  }
}
