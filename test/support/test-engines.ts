/**
 * The engines of other releases that the scenarios run on, from `DOCTOR_TEST_ENGINES`: `name=address` pairs, separated by
 * commas. `.ci/run` starts them.
 */
import { describe } from 'vitest';
import { describeMissing } from './engine.ts';
import type { EngineName } from './engine-scenarios.ts';

/** Like `describe`, but needs that engine: skipped without it, or failed with `CI=true`. */
export function describeOnEngine(engine: EngineName, define: (dockerHost: string) => void): void {
  const address = addresses(process.env.DOCTOR_TEST_ENGINES ?? '').get(engine);
  const name = `on ${engine}`;
  if (address !== undefined) describe(name, () => define(address));
  else describeMissing(name, `the engine ${engine}`, `DOCTOR_TEST_ENGINES has no ${engine}`);
}

function addresses(setting: string): ReadonlyMap<string, string> {
  return new Map(
    setting
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== '')
      .map((entry) => {
        const [name = '', address = ''] = entry.split(/=(.*)/);
        if (address === '') throw new Error(`DOCTOR_TEST_ENGINES: "${entry}" is not name=address`);
        return [name, address];
      }),
  );
}
