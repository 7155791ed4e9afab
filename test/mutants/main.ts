/**
 * `npm run mutants -- [FOLDER]…`: mutation testing of the folders that decide, or of the named ones. Each folder is held
 * to its own tests, `test/pipeline/FOLDER`. FOLDER/FILE.ts mutates a single file. MUTANTS_CONCURRENCY, default 2: how many
 * mutants are tested at the same time.
 */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Stryker } from '@stryker-mutator/core';

const FOLDERS = ['decide', 'restart', 'lifecycle', 'incident', 'correlate'] as const;
/** Percent of the mutants that the tests must catch. */
const GOAL = 92;

interface Score {
  readonly caught: number;
  readonly total: number;
}

async function mutate(folder: string, file: string | undefined): Promise<Score> {
  // Outside the project: linters and tests must not find the copies that Stryker makes.
  const output = path.join(tmpdir(), 'container-doctor-mutants');
  // The worker processes of Stryker inherit it.
  process.env.MUTANTS_FOLDER = folder;
  const results = await new Stryker({
    mutate: [`src/pipeline/${folder}/${file ?? '*.ts'}`],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner', './test/mutants/display-text.ts'],
    vitest: { configFile: 'test/mutants/vitest.config.ts', related: false },
    ignorers: ['display-text'],
    coverageAnalysis: 'perTest',
    concurrency: Number(process.env.MUTANTS_CONCURRENCY ?? 2),
    // Only for mutants that never end. On a busy machine the tests take several times as long.
    timeoutMS: 20_000,
    // TypeScript 7 has no API that Stryker could read the file with, and it need not be changed.
    tsconfigFile: 'none',
    tempDirName: path.join(output, folder),
    reporters: ['progress-append-only', 'clear-text', 'json'],
    clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: true },
    jsonReporter: { fileName: path.join(output, `${folder}.json`) },
  }).runMutationTest();
  const caught = results.filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
  const missed = results.filter(({ status }) => status === 'Survived' || status === 'NoCoverage').length;
  return { caught, total: caught + missed };
}

async function main(args: readonly string[]): Promise<number> {
  const chosen = (args.length > 0 ? args : FOLDERS).map((arg) => arg.split('/', 2) as [string, string?]);
  const unknown = chosen.find(([folder]) => !FOLDERS.some((one) => one === folder));
  if (unknown !== undefined) {
    console.error(`unknown folder "${unknown[0]}"; must be one of ${FOLDERS.join(', ')}`);
    return 64;
  }
  const scores: [string, Score][] = [];
  for (const [folder, file] of chosen) scores.push([[folder, file].join('/'), await mutate(folder, file)]);
  for (const [name, { caught, total }] of scores) {
    const share = (100 * caught) / total;
    console.log(
      `${name.padEnd(24)} ${caught} of ${total} mutants caught, ${share.toFixed(1)} % ${share < GOAL ? `(goal: ${GOAL} %)` : ''}`,
    );
  }
  return scores.every(([, { caught, total }]) => caught >= (GOAL / 100) * total) ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
