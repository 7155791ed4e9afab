import { type Config, storePlace } from '../config/config.ts';
import { VERDICTS, type Verdict } from '../domain/decision.ts';
import { StoreError } from '../errors.ts';
import { cutEnd } from '../lib/text.ts';
import { systemClock } from '../lib/time.ts';
import {
  CASE_RESULTS,
  type CaseResult,
  type Scorecard,
  scorecard,
  type Tally,
} from '../pipeline/incident/scorecard.ts';
import { redactText } from '../redact/redactor.ts';
import { openReviews } from '../store/open-reviews.ts';
import { createLogger } from '../telemetry/logger.ts';
import { loadSettings } from './agent.ts';
import { alignedRows } from './aligned-rows.ts';
import { EXIT_FAILED, EXIT_OK, EXIT_WRONG_SETTINGS, EXIT_WRONG_USAGE } from './exit-codes.ts';
import type { Output } from './output.ts';

const MAX_CASES = 1_000;
const CASES_SHOWN = 20;
const MAX_NOTE_LENGTH = 1_000;

const RESULT_TEXT: Readonly<Record<CaseResult, string>> = {
  came_back: 'came back by itself',
  restarted_by_person: 'a person restarted it',
  still_broken: 'still broken',
  recovered: 'restarted, recovered',
  failed: 'restarted, did not help',
  unknown: 'unknown',
};

/**
 * Without arguments, prints what the agent restarted or would have restarted, and the results. With
 * `INCIDENT right|wrong [NOTE]`, records a verdict. The agent may be running. Resolves to the exit code.
 */
export async function runReview(args: readonly string[], env: NodeJS.ProcessEnv, output: Output): Promise<number> {
  const { print, printError } = output;
  const [incidentId, verdict, ...note] = args;
  if (incidentId !== undefined && !isVerdict(verdict)) {
    printError(`Usage: container-doctor review [INCIDENT ${VERDICTS.join('|')} [NOTE]]\n`);
    return EXIT_WRONG_USAGE;
  }
  const settings = loadSettings(env, output);
  if (!settings) return EXIT_WRONG_SETTINGS;
  try {
    return await withReviews(settings.config, async (reviews) => {
      if (incidentId === undefined || !isVerdict(verdict)) {
        print(scorecardText(scorecard(await reviews.reviewedCases(MAX_CASES))));
        return EXIT_OK;
      }
      const text = cutEnd(redactText(note.join(' ').trim(), []), MAX_NOTE_LENGTH);
      const review = { verdict, at: systemClock.now(), ...(text !== '' && { note: text }) };
      if (await reviews.saveVerdict(incidentId, review)) {
        print(`recorded: ${incidentId} was ${verdict}\n`);
        return EXIT_OK;
      }
      printError(`container-doctor: no incident ${JSON.stringify(incidentId.slice(0, 80))} with a decision\n`);
      return EXIT_FAILED;
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    printError(`container-doctor: ${error.message}\n`);
    return EXIT_FAILED;
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

function isVerdict(text: string | undefined): text is Verdict {
  return VERDICTS.some((verdict) => verdict === text);
}

function scorecardText({ overall, containers, cases }: Scorecard): string {
  if (cases.length === 0) return 'Nothing was restarted, and nothing would have been restarted.\n';
  const lines = tallyTable([...containers, { container: 'all', ...overall }]);
  return `${lines.map((line) => `${line}\n`).join('')}
The last ${Math.min(cases.length, CASES_SHOWN)} cases, newest last. To judge one: container-doctor review INCIDENT right|wrong [NOTE]
${cases.slice(-CASES_SHOWN).map(caseText).join('')}`;
}

function tallyTable(tallies: readonly (Tally & { readonly container: string })[]): string[] {
  const header = [
    'container',
    'would have restarted',
    'restarted',
    ...CASE_RESULTS.map((result) => RESULT_TEXT[result]),
    'right',
    'wrong',
  ];
  const rows = tallies.map((tally) => [
    tally.container,
    String(tally.wouldHaveRestarted),
    String(tally.restarted),
    ...CASE_RESULTS.map((result) => String(tally.results[result])),
    String(tally.right),
    String(tally.wrong),
  ]);
  const isShown = header.map((_, column) => column === 0 || rows.some((row) => row[column] !== '0'));
  return alignedRows([header, ...rows].map((row) => row.filter((_, column) => isShown[column])));
}

function caseText(one: Scorecard['cases'][number]): string {
  const when = new Date(one.decidedAt).toISOString().slice(0, 16).replace('T', ' ');
  const note = one.note === undefined ? '' : `: ${one.note}`;
  const verdict = one.verdict === undefined ? '' : `  [${one.verdict}${note}]`;
  return `  ${one.incidentId}  ${when}  ${one.containerName}: ${cutEnd(one.summary, 80)}
      ${one.decision.reason}; ${RESULT_TEXT[one.result]}${verdict}
`;
}
