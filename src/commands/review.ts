import { type Config, storePlace } from '../config/config.ts';
import { VERDICTS, type Verdict } from '../domain.ts';
import { StoreError } from '../errors.ts';
import { cutEnd } from '../lib/text.ts';
import { systemClock } from '../lib/time.ts';
import { CASE_RESULTS, type CaseResult, type Scorecard, scorecard } from '../pipeline/incident/scorecard.ts';
import { redactText } from '../redact/redactor.ts';
import { openReviews } from '../store/open-reviews.ts';
import { createLogger } from '../telemetry/logger.ts';
import { EXIT_WRONG_SETTINGS, readSettings } from './agent.ts';

/** EX_USAGE of sysexits.h. */
const EXIT_WRONG_USAGE = 64;
const CASES = 1_000;
const CASES_SHOWN = 20;
const LONGEST_NOTE = 1_000;

const CASE_RESULT_TEXT: Readonly<Record<CaseResult, string>> = {
  came_back: 'came back by itself',
  restarted_by_person: 'a person restarted it',
  still_broken: 'still broken',
  recovered: 'restarted, recovered',
  failed: 'restarted, did not help',
  unknown: 'not known',
};

/**
 * Prints what the agent did or would have done and what came of it, or records what a person thinks of one
 * decision: `review INCIDENT right|wrong [note]`. The agent may run meanwhile. Resolves to the exit code.
 */
export async function runReview(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  say: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  const [incidentId, verdict, ...note] = args;
  if (incidentId !== undefined && !isVerdict(verdict)) {
    complain(`container-doctor: usage: review [INCIDENT ${VERDICTS.join('|')} [NOTE]]\n`);
    return EXIT_WRONG_USAGE;
  }
  const settings = readSettings(env, complain);
  if (!settings) return EXIT_WRONG_SETTINGS;
  try {
    return await withReviews(settings.config, async (reviews) => {
      if (incidentId === undefined || !isVerdict(verdict)) {
        say(toText(scorecard(await reviews.reviewedCases(CASES))));
        return 0;
      }
      const text = cutEnd(redactText(note.join(' ').trim(), []), LONGEST_NOTE);
      const given = { verdict, at: systemClock.now(), ...(text === '' ? {} : { note: text }) };
      if (await reviews.saveVerdict(incidentId, given)) {
        say(`recorded: ${incidentId} was ${verdict}\n`);
        return 0;
      }
      complain(`container-doctor: there is no decided incident ${JSON.stringify(incidentId.slice(0, 80))}\n`);
      return 1;
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    complain(`container-doctor: ${error.message}\n`);
    return 1;
  }
}

async function withReviews<T>(
  config: Config,
  work: (reviews: Awaited<ReturnType<typeof openReviews>>) => Promise<T>,
): Promise<T> {
  const logger = createLogger({ level: 'error', redact: (text) => redactText(text, []) });
  const reviews = await openReviews(storePlace(config), logger);
  try {
    return await work(reviews);
  } finally {
    await reviews.close();
  }
}

function isVerdict(word: string | undefined): word is Verdict {
  return VERDICTS.some((verdict) => verdict === word);
}

function toText({ overall, containers, cases }: Scorecard): string {
  if (cases.length === 0) return 'Nothing was restarted, and nothing would have been.\n';
  const header = [
    'container',
    'would have restarted',
    'restarted',
    ...CASE_RESULTS.map((result) => CASE_RESULT_TEXT[result]),
    'right',
    'wrong',
  ];
  const rows = [...containers, { container: 'all', ...overall }].map((one) => [
    one.container,
    ...[
      one.wouldHaveRestarted,
      one.restarted,
      ...CASE_RESULTS.map((result) => one.results[result]),
      one.right,
      one.wrong,
    ].map(String),
  ]);
  // Columns in which there is nothing say nothing.
  const told = header.map((_, column) => column === 0 || rows.some((row) => row[column] !== '0'));
  const lines = cases.slice(-CASES_SHOWN).map((one) => {
    const when = new Date(one.decidedAt).toISOString().slice(0, 16).replace('T', ' ');
    const judged =
      one.verdict === undefined ? '' : `  [${one.verdict}${one.note === undefined ? '' : `: ${one.note}`}]`;
    return `  ${one.incidentId}  ${when}  ${one.containerName}: ${cutEnd(one.summary, 80)}\n      ${one.decision.reason}; ${CASE_RESULT_TEXT[one.result]}${judged}\n`;
  });
  return `${aligned([header, ...rows].map((row) => row.filter((_, column) => told[column])))}
Newest last; to judge one: container-doctor review INCIDENT right|wrong [NOTE]
${lines.join('')}`;
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
