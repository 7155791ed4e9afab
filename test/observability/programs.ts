/**
 * Real programs that read our files and our output. If one is missing, its tests are skipped with a message. With
 * `CI=true` they fail instead.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

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

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
