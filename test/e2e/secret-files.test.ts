import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand } from '../support/doctor.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'cd-secret-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('the agent does not start, and does not wait, if a secret is in an empty file, a pipe or a device', async () => {
  const pipe = path.join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const empty = path.join(folder, 'empty');
  writeFileSync(empty, '\n');
  const env = { DATA_DIR: folder, DOCKER_HOST: `unix://${folder}/no-engine.sock` };
  for (const file of [pipe, empty, '/dev/null', folder, path.join(folder, 'missing')]) {
    const { code, stderr } = await runCommand([], { ...env, HTTP_TOKEN_FILE: file });
    expect([code, stderr]).toEqual([78, expect.stringContaining(`HTTP_TOKEN_FILE=${file}: `)]);
  }
}, 60_000);
