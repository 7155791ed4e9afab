/**
 * Holds the claims of an answer against the question and the facts of the engine. The checks are coarse: they find
 * claims that cannot be true, not every claim that is not. What they find lowers confidence and prevents a restart; it
 * never allows one.
 */
import type { FailedCheck } from '../../domain/checks.ts';
import type { Assessment } from '../../domain/diagnosis.ts';
import type { DiagnosisContext } from '../ports/model.ts';
import { isUnambiguous } from './rules.ts';
import type { Answered } from './tier.ts';

type Context = Pick<
  DiagnosisContext,
  | 'incident'
  | 'facts'
  | 'exitCode'
  | 'killedForMemory'
  | 'evidence'
  | 'logLines'
  | 'restarts'
  | 'timeline'
  | 'resources'
  | 'ruleMatches'
>;

/** The checks that an answer fails; empty if none. */
export function checkAnswer(answer: Omit<Answered, 'failedChecks'>, context: Context): readonly FailedCheck[] {
  const failed: FailedCheck[] = [];
  const { rootCause } = answer.assessment;
  const { evidence } = answer;
  if (lacksEvidence(answer, context)) failed.push('no_evidence');
  if (evidence?.some(({ text }) => text === undefined)) failed.push('unknown_reference');
  const question = normal(answer.question);
  if (quotesIn(rootCause).some((quote) => !question.includes(normal(quote)))) failed.push('quote_not_found');
  if (contradictsFacts(rootCause, context, answer.question)) failed.push('contradicts_facts');
  if (containersIn(rootCause).some((name) => !question.includes(normal(name)))) failed.push('unknown_container');
  if (disagreesWithRule(answer.assessment, context)) failed.push('disagrees_with_rule');
  return failed;
}

/**
 * A gateway may drop the schema, and with it the field: Claude's answer then cannot open a restart that the rules alone
 * would not allow, and is otherwise believed. A local server that ignores the schema is not trusted at all.
 */
function lacksEvidence(
  { evidence, by, confidence, assessment }: Omit<Answered, 'failedChecks'>,
  { ruleMatches }: Context,
): boolean {
  if (evidence !== undefined) return evidence.length === 0 && confidence !== 'low';
  const rule = ruleMatches[0]?.assessment;
  const rulesAllow = rule?.severity === 'high' && rule.autoRestartSafe;
  return by === 'local' || (assessment.autoRestartSafe && !rulesAllow);
}

/** Without what quoting and rendering change: case, white space, quotation marks, backslashes, ellipses. */
function normal(text: string): string {
  return text
    .toLowerCase()
    .replace(/["'`“”‘’«»\\]/g, '')
    .replace(/\s+/g, ' ')
    .replace(/^(?:\.{3}|…)|(?:\.{3}|…|[.,;:])$/g, '')
    .trim();
}

/** Characters. Shorter ones are names of settings and terms rather than quotations. */
const SHORTEST_QUOTE = 16;
const QUOTE = /"([^"\n]{1,400})"|“([^”\n]{1,400})”|`([^`\n]{1,400})`|«([^»\n]{1,400})»/g;

function quotesIn(text: string): readonly string[] {
  return [...text.matchAll(QUOTE)]
    .map((match) => (match.slice(1).find((group) => group !== undefined) ?? '').trim())
    .filter((quote) => quote.length >= SHORTEST_QUOTE && quote.includes(' '))
    .flatMap((quote) => quote.split(/…|\.{3}/))
    .filter((part) => part.trim().length >= SHORTEST_QUOTE / 2);
}

const NAMED = [
  /\bcontainers?\s+["'`“‘]([\w][\w.-]{1,80})["'`”’]/gi,
  /["'`“‘]([\w][\w.-]{1,80})["'`”’]\s+container\b/gi,
  // Without quotation marks, only what cannot be a word.
  /\bcontainer\s+([A-Za-z0-9][A-Za-z0-9.]*[-_][\w.-]*\w)/g,
];

function containersIn(text: string): readonly string[] {
  return NAMED.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name = '']) => name));
}

const OUT_OF_MEMORY =
  /\bout[- ]of[- ]memory\b|\bOOM\b|\bOOM[- ]?kill|\bOOMKilled\b|\b(?:exceed(?:ed|s)?|reached|hit) (?:its|the) (?:container )?memory limit|\bmemory (?:was )?exhaust/i;
const MEMORY_IN_TEXT = /memory|heap|\boom\b|alloc/i;
/** Of its limit: the model may infer the rest. */
const NEARLY_FULL = 0.9;
const RESTARTED =
  /\b(?:was|were|has been|had been|been|got|keeps? being) (?:\w+ly )?restarted\b|\brestart(?:s|ed|ing) (?:\d+|several|many|multiple|repeated(?:ly)?)\b|\b(?:restart|crash)[- ]loop/i;
const EXIT_CODE = /\bexit(?:ed|s)?(?: with)?(?: an?)?(?: exit)? (?:code|status)(?: of)? (\d{1,3})\b/gi;
const NEGATION =
  /\b(?:no|not|never|without|neither|nor|rather than|instead of|isn't|wasn't|didn't|doesn't)\b[^.;]{0,40}$/i;

function contradictsFacts(claim: string, context: Context, question: string): boolean {
  const { facts, incident, killedForMemory } = context;
  if (facts === undefined) return false;
  const text = [...context.evidence, ...context.logLines, facts.error].join('\n');

  const memory = context.resources?.memory ?? 0;
  const nearlyFull = facts.memoryLimit > 0 && memory > facts.memoryLimit * NEARLY_FULL;
  const mayBeMemory = killedForMemory || incident.detectors.includes('oom') || nearlyFull || MEMORY_IN_TEXT.test(text);
  if (!mayBeMemory && claims(claim, OUT_OF_MEMORY)) return true;

  const mayHaveRestarted =
    facts.restartCount > 0 ||
    context.restarts.length > 0 ||
    incident.detectors.includes('crash_loop') ||
    context.timeline?.some(({ what }) => /start/.test(what)) ||
    /restart|starting|started/i.test(text);
  if (!mayHaveRestarted && claims(claim, RESTARTED)) return true;

  const codes = [...claim.matchAll(EXIT_CODE)].map(([, code]) => code as string);
  return codes.some((code) => !new RegExp(`\\b${code}\\b`).test(question));
}

/** Whether the text says so, and does not deny it. */
function claims(text: string, pattern: RegExp): boolean {
  const match = pattern.exec(text);
  return match !== null && !NEGATION.test(text.slice(0, match.index));
}

/** What a cause in the class of a rule speaks of. The words are wide: only a cause of quite another kind disagrees. */
const CLASS: Readonly<Record<string, RegExp>> = {
  no_space_left: /space|disk|full|quota|storage|inode|volume/i,
  out_of_memory: /memory|\boom\b|heap/i,
  child_out_of_memory: /memory|\boom\b|heap/i,
  exec_format_error: /exec|format|architecture|binary|platform|image/i,
  port_in_use: /port|address|bind|listen/i,
  certificate_expired: /certificate|expired|\btls\b|\bssl\b/i,
  privileged_port: /port|privilege|permission|bind/i,
  permission_denied: /permission|denied|access|owner|privilege|\brights\b|allowed/i,
  read_only_file_system: /read-?only|mount|writ/i,
  credentials_refused: /credential|password|authenticat|login|access|user|token|role/i,
  name_not_resolved: /resolv|\bdns\b|host|name|lookup|address/i,
  missing_file_or_variable: /missing|not |no such|undefined|absent|variable|config|unset|require|lack/i,
};

/** What a cause of some class certainly speaks of. A cause in none of them is too vague to disagree. */
const OTHER_CLASSES: readonly RegExp[] = [
  /\bout of memory\b|\boom\b|\bheap\b|memory limit|memory leak/i,
  /\bdisk\b|\bno space\b/i,
  /\bcertificate\b/i,
  /\bport \S+ (?:is )?(?:already )?in use\b|\bport conflict\b/i,
  /\bpermission denied\b|\bfile permissions?\b/i,
  /\bwrong (?:password|credentials)\b|\bauthentication (?:fail|error)/i,
  /\bdns\b|\bresolv(?:e|ed|ing) (?:the )?(?:host|name)/i,
  /\bconnection pool\b|\bpool (?:is )?exhaust|\btoo many connections\b|\bdeadlock|\bconnection refused\b|\btimed? ?out\b/i,
];

/** A vague cause disagrees only where it calls a restart safe that no certain rule calls safe. */
function disagreesWithRule({ rootCause, autoRestartSafe }: Assessment, { ruleMatches }: Context): boolean {
  const certain = ruleMatches.filter(({ rule }) => isUnambiguous(rule) && CLASS[rule] !== undefined);
  if (certain.length === 0 || certain.some(({ rule }) => CLASS[rule]?.test(rootCause))) return false;
  const opens = autoRestartSafe && !certain.some(({ assessment }) => assessment.autoRestartSafe);
  return opens || OTHER_CLASSES.some((other) => other.test(rootCause));
}
