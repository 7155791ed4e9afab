/**
 * `npm run bench -- [NAME [FOLDER]…]`: runs the named benchmarks, or all. FOLDER: input data of the benchmark before
 * it. Each runs in its own process, so that its memory use does not affect the next one.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const HERE = new URL('.', import.meta.url);
/** The argument of the child process. */
const RUN_ONE = '--run';

interface Bench {
  /** `folder`: its input data, if it needs any. */
  run(folder?: string): Promise<void>;
}

/** All files of this folder except this one and support files. */
function benchNames(): readonly string[] {
  return readdirSync(HERE)
    .filter((file) => file.endsWith('.ts') && file !== 'main.ts' && !file.startsWith('support'))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

async function runOne(name: string, folder?: string): Promise<void> {
  const bench = (await import(new URL(`${name}.ts`, HERE).href)) as Bench;
  await bench.run(folder);
}

function runInChild(name: string, folder: string | undefined): Promise<boolean> {
  const args = [fileURLToPath(import.meta.url), RUN_ONE, name, ...(folder === undefined ? [] : [folder])];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  return new Promise((resolve) => child.on('exit', (code) => resolve(code === 0)));
}

async function main(args: readonly string[]): Promise<number> {
  const names = benchNames();
  const isFolder = (arg: string): boolean => !names.includes(arg) && existsSync(arg);
  /** A folder belongs to the bench named before it. */
  const folders = new Map(args.flatMap((arg, at) => (isFolder(arg) ? [[args[at - 1] ?? '', arg] as const] : [])));
  const chosen = args.filter((arg) => !isFolder(arg));
  const unknown = chosen.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`unknown bench "${unknown.join('", "')}"; must be one of ${names.join(', ')}`);
    return 64;
  }
  const [cpu] = cpus();
  console.log(`Node ${process.version}, ${process.platform} ${process.arch}`);
  console.log(`${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 1024 ** 3)} GiB of memory`);
  console.log(
    `load before: ${loadavg()[0]?.toFixed(1)} (above the number of cores, other processes disturb the timings)`,
  );
  const failed: string[] = [];
  for (const name of chosen.length > 0 ? chosen : names) {
    console.log(`\n── ${name} ${'─'.repeat(Math.max(0, 76 - name.length))}`);
    if (!(await runInChild(name, folders.get(name)))) failed.push(name);
  }
  if (failed.length > 0) console.error(`\nfailed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
}

const [first, second, third] = process.argv.slice(2);
if (first === RUN_ONE && second !== undefined) await runOne(second, third);
else process.exitCode = await main(process.argv.slice(2));
