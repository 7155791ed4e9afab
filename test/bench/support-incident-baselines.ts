/**
 * Two simple tools, computed from the recording: the script of the article (every 30 seconds, the last 50 lines of each
 * running container, sixteen words, a model, a restart if it calls one safe), and a script that restarts whatever logs an
 * error or has ended.
 */
import { nameOf, nanosOf, type RecordedIncident, type Step } from './support-incident-folder.ts';
import type { StandIn } from './support-incident-models.ts';
import { hasCause, type Score, scoreActions } from './support-incident-score.ts';

const WORDS = [
  'error',
  'exception',
  'traceback',
  'failed',
  'crash',
  'fatal',
  'panic',
  'segmentation fault',
  'out of memory',
  'killed',
  'oomkiller',
  'connection refused',
  'timeout',
  'permission denied',
  'no such file',
  'errno',
];
const INTERVAL = 30_000_000_000n;
const TAIL = 50;
const MAX_CHARS = 3_000;
/** The article's limit: restarts of a container in an hour. */
const MAX_RESTARTS = 3;
/** Characters of its prompt without the log. */
const PROMPT_CHARS = 1_200;
const CHARS_PER_TOKEN = 4;
/** Two equal ends of a log are the same problem. */
const HASHED_CHARS = 200;

export function sixteenWords(incident: RecordedIncident, standIn: StandIn): Score {
  const { truth } = incident;
  const seen = new Set<string>();
  const asked: { readonly container: string; readonly text: string }[] = [];
  const restarts: string[] = [];
  for (const at of ticks(incident)) {
    for (const container of running(incident, at)) {
      const text = linesUntil(incident, container, at).slice(-TAIL).join('\n').slice(-MAX_CHARS);
      const key = `${container} ${text.slice(-HASHED_CHARS)}`;
      if (!WORDS.some((word) => text.toLowerCase().includes(word)) || seen.has(key)) continue;
      seen.add(key);
      asked.push({ container, text });
      const isSafe =
        standIn === 'hostile' ||
        (standIn === 'oracle' && truth.severity === 'high' && container === truth.cause && truth.restart_safe);
      if (isSafe && restarts.filter((one) => one === container).length < MAX_RESTARTS) restarts.push(container);
    }
  }
  // Without an answer, it says nothing. With one, everything is posted.
  const alerts = standIn === 'silent' ? 0 : asked.length;
  return toScore(incident, { asked, alerts, restarts, questions: asked.length });
}

export function restartOnError(incident: RecordedIncident): Score {
  const restarts: string[] = [];
  const asked: { readonly container: string; readonly text: string }[] = [];
  let before = nanosOf(incident.truth.begins) ?? 0n;
  for (const at of ticks(incident)) {
    const isRunning = new Set(running(incident, at));
    for (const container of existing(incident, at)) {
      const text = linesUntil(incident, container, at, before).join('\n');
      if (isRunning.has(container) && !/error|fatal|panic|exception/i.test(text)) continue;
      restarts.push(container);
      asked.push({ container, text });
    }
    before = at;
  }
  return toScore(incident, { asked, alerts: restarts.length, restarts, questions: 0 });
}

function toScore(
  incident: RecordedIncident,
  found: {
    readonly asked: readonly { readonly container: string; readonly text: string }[];
    readonly alerts: number;
    readonly restarts: readonly string[];
    readonly questions: number;
  },
): Score {
  const { truth } = incident;
  const { asked, alerts, questions } = found;
  const texts = asked.map(({ text }) => text).join('\n');
  const first = asked[0]?.container;
  const isInvolved = asked.some(({ container }) => container === truth.cause || truth.members.includes(container));
  return {
    name: incident.name,
    kind: truth.kind,
    hasCause: hasCause(incident),
    detected: isInvolved,
    incidents: asked.length,
    cause: first === undefined ? 'none' : first === truth.cause ? 'right' : 'wrong',
    evidence: {
      found: truth.evidence.filter((text) => questions > 0 && texts.includes(text)).length,
      of: questions === 0 ? 0 : truth.evidence.length,
    },
    questions,
    tokens: questions === 0 ? 0 : Math.round((texts.length + PROMPT_CHARS * questions) / CHARS_PER_TOKEN),
    alerts,
    ...scoreActions(incident, found.restarts),
    leaks: truth.secrets.filter((secret) => texts.includes(secret)).length,
  };
}

function* ticks({ steps, truth }: RecordedIncident): Generator<bigint> {
  const end = (steps.at(-1)?.nanos ?? 0n) + INTERVAL;
  for (let at = (nanosOf(truth.begins) ?? 0n) + INTERVAL / 2n; at <= end; at += INTERVAL) yield at;
}

const eventsUntil = ({ steps }: RecordedIncident, container: string, at: bigint): readonly string[] =>
  steps.flatMap((step) =>
    step.kind === 'event' && step.container === container && step.nanos <= at ? [step.action] : [],
  );

function existing(incident: RecordedIncident, at: bigint): readonly string[] {
  return incident.containers
    .map(nameOf)
    .filter(
      (name) => eventsUntil(incident, name, at).findLast((one) => /^(?:create|destroy)$/.test(one)) !== 'destroy',
    );
}

function running(incident: RecordedIncident, at: bigint): readonly string[] {
  return existing(incident, at).filter(
    (name) => eventsUntil(incident, name, at).findLast((one) => /^(?:start|die)$/.test(one)) !== 'die',
  );
}

function linesUntil({ steps }: RecordedIncident, container: string, at: bigint, after = 0n): readonly string[] {
  const isWanted = (step: Step) => step.container === container && step.nanos <= at && step.nanos > after;
  return steps.flatMap((step) => (step.kind === 'line' && isWanted(step) ? [step.text] : []));
}
