/** A directory and a store that go away with the test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Logger } from '../../src/pipeline/ports.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { NOON } from './support-values.ts';

export * from './support-values.ts';

export async function temporaryDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'doctor-store-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export interface Clock {
  time: number;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields?: Record<string, unknown>;
}

export function recordingLogger(): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields });
  };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Opens a store that the test closes at its end. */
export async function open(
  dataDir: string,
  { clock = { time: NOON }, logger = recordingLogger() }: { clock?: Clock; logger?: Logger } = {},
): Promise<Store> {
  const store = await openStore({ dataDir, now: () => clock.time, logger });
  onTestFinished(() => store.close());
  return store;
}
