import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { imageFlags } from '../bench/support-agent.ts';

const run = promisify(execFile);
const fileOf = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

// With `process.exit`, a third of these runs hang (nodejs/node#64274).
it('the program ends with the flags of the image, also while V8 compiles code in the background', async () => {
  const flags = imageFlags();
  expect(flags).not.toEqual([]);
  const args = [...flags, '--import', fileOf('test/support/busy-compiler.ts'), fileOf('src/main.ts'), '--version'];
  for (let round = 0; round < 8; round++) {
    const three = Array.from({ length: 3 }, () =>
      run(process.execPath, args, { timeout: 20_000, killSignal: 'SIGKILL' }),
    );
    for (const { stdout } of await Promise.all(three)) expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  }
});
