/**
 * Real programs that read our files and our output. If one is missing, its tests are skipped with a message. With
 * `CI=true` they fail instead.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';

export interface RunningProgram {
  /** Everything that it has printed so far. */
  output(): string;
  /** SIGTERM, then SIGKILL after 10 s. Removes its folder. */
  stop(): Promise<void>;
}

export function findProgram(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, name))
    .find(isExecutable);
}

/** `describe` if all programs are installed. `define` gets their paths in the same order. */
export function describeWith(programs: readonly string[], name: string, define: (...paths: string[]) => void): void {
  const found = programs.map(findProgram);
  const missing = programs.filter((_, i) => found[i] === undefined);
  if (missing.length === 0) {
    describe(name, () => define(...(found as string[])));
    return;
  }
  const needs = `needs ${missing.join(', ')}`;
  describe(name, () => {
    if (process.env.CI === 'true') {
      it(needs, () => expect.fail(`not on the PATH: ${missing.join(', ')}`));
      return;
    }
    console.warn(`SKIPPED, ${needs}: ${name}`);
    it.skip(needs, () => {});
  });
}

/** Runs a program to its end. */
export function check(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): { readonly output: string; readonly code: number | null } {
  const { stdout, stderr, status, error } = spawnSync(program, args, { ...options, encoding: 'utf8', timeout: 60_000 });
  if (error) throw error;
  return { output: stdout + stderr, code: status };
}

/**
 * Starts a server program and resolves when `readyUrl` answers with a success status. Rejects with its output if it
 * exits before that. `folder` has its files.
 */
export async function startProgram(
  program: string,
  args: readonly string[],
  options: { readonly readyUrl: string; readonly folder: string; readonly env?: NodeJS.ProcessEnv },
): Promise<RunningProgram> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: options.env ?? process.env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const exited = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
    rmSync(options.folder, { recursive: true, force: true });
  };
  try {
    await Promise.race([
      eventually(async () => ((await fetch(options.readyUrl)).ok ? true : undefined), { deadlineMs: 60_000 }),
      exited.then(() => Promise.reject(new Error(`${path.basename(program)} exited:\n${output}`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { output: () => output, stop };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
