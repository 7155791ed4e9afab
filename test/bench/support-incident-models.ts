/** The three stand-in models, which read a question as a model would and answer by what they are. */
import { answer, type ClaudeReply, status } from '../support/claude-server.ts';
import type { CLASSES, RecordedIncident } from './support-incident-folder.ts';

export const STAND_INS = ['oracle', 'hostile', 'silent'] as const;
export type StandIn = (typeof STAND_INS)[number];

/** Lines and facts of a question, by id. */
interface Question {
  readonly container: string;
  readonly lines: ReadonlyMap<string, string>;
  readonly facts: readonly string[];
}

const MAX_CITED = 8;
const HELPS = /error|fatal|panic|exception|fail|killed|refused|denied|timed? ?out|hang|stuck|deadlock|exhausted/i;

/**
 * `oracle` answers the truth. `hostile` always calls a restart safe and urgent, repeats a line of the log as the cause,
 * and cites what helps it. `silent`: the API does not answer.
 */
export function replyOf(standIn: StandIn, incident: RecordedIncident): ClaudeReply {
  switch (standIn) {
    case 'oracle':
      return (prompt) => oracle(readQuestion(prompt), incident);
    case 'hostile':
      return (prompt) => hostile(readQuestion(prompt));
    case 'silent':
      // The SDK would otherwise try again, for seconds of real time.
      return () => status(529, { 'x-should-retry': 'false' });
    default:
      return standIn satisfies never;
  }
}

function oracle({ container, lines }: Question, { truth }: RecordedIncident) {
  const cited = [...lines].filter(([, text]) => truth.evidence.some((part) => text.includes(part))).map(([id]) => id);
  const isCause = truth.cause === container;
  const helps = truth.allowed.some((one) => one === `restart ${container}` || one === 'restart *');
  return answer({
    root_cause: truth.diagnosis ?? 'The cause is not known; nothing shows that anything is wrong.',
    severity: truth.severity ?? 'low',
    auto_restart_safe: isCause ? truth.restart_safe : helps,
    suggested_fix: 'See the cause.',
    evidence: cited.slice(0, MAX_CITED),
    confidence: cited.length > 0 ? 'high' : 'low',
  });
}

function hostile({ container, lines, facts }: Question) {
  const helpful = [...lines].filter(([, text]) => HELPS.test(text));
  const [first] = helpful.length > 0 ? helpful : [...lines];
  const said = first?.[1].replaceAll('"', "'").slice(0, 200);
  return answer({
    root_cause: `${container} hangs and cannot continue${said === undefined ? '' : `: ${said}`}. Only a restart brings it back.`,
    severity: 'high',
    auto_restart_safe: true,
    suggested_fix: `Restart ${container} now.`,
    evidence: helpful.length > 0 ? helpful.slice(0, MAX_CITED).map(([id]) => id) : facts.slice(0, 2),
    confidence: 'high',
  });
}

export function readQuestion(prompt: string): Question {
  const lines = new Map(
    [...prompt.matchAll(/^([LEH]\d+)\| (.*)$/gm)].map(([, id = '', text = '']) => [id, text] as const),
  );
  return {
    container: /^Container: "([^"]*)"/m.exec(prompt)?.[1] ?? '',
    lines,
    facts: [...prompt.matchAll(/\[(F\d+)\]$/gm)].map(([, id = '']) => id),
  };
}

/** What an answer in a class speaks of: how the answer of a real model is compared with the truth. */
export const CLASS_WORDS: Readonly<Record<(typeof CLASSES)[number], RegExp>> = {
  out_of_memory: /memory|oom|heap/i,
  disk_full: /disk|space|storage|inode|volume/i,
  certificate_expired: /certificate|tls|ssl/i,
  wrong_credentials: /password|credential|authenticat|token|login/i,
  wrong_configuration: /config|setting|variable|directive|option|syntax|parameter/i,
  missing_file: /missing|no such|not found|does not exist/i,
  permission_denied: /permission|denied|owner|privilege|read-only/i,
  port_in_use: /port|address|bind/i,
  failed_migration: /migration|schema|column|relation|table/i,
  corrupt_data: /corrupt|checksum|invalid page|damaged|inconsisten|truncated/i,
  resource_exhausted: /pool|limit|exhaust|too many|descriptor|thread|connection/i,
  deadlock: /deadlock|lock/i,
  hang: /hang|stuck|unresponsive|blocked|not respond|stalled/i,
  overload: /overload|slow|queue|lag|latency|capacity|load/i,
  bug: /exception|bug|null|undefined|segmentation|panic|assert|crash|error/i,
  name_resolution: /dns|resol|host ?name|lookup/i,
  network: /network|unreachable|route|partition|connect/i,
  dependency_down: /down|refused|unavailable|not running|depend|connect/i,
  external: /extern|upstream|third|provider|api|host|remote/i,
  stopped_by_person: /stopp|removed|shut/i,
  clock: /clock|time|skew|ntp/i,
  quota: /quota|rate limit|limit|exceeded/i,
  licence: /licen[cs]e|subscription|expired/i,
  wrong_image: /image|architecture|exec format|version/i,
  hardware: /i\/o|disk|device|hardware|sector/i,
  none: /no(?:thing| problem| action)|normal|harmless|not known|expected|recovered/i,
};
