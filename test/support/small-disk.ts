import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A file system of 4 MB of its own at `folder`, so that it can be filled. Undefined where this user may not mount. */
export function mountSmallDisk(folder: string): { fill(): void; free(): void; unmount(): void } | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'doctor-test', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const ballast = path.join(folder, 'ballast');
  return {
    fill() {
      try {
        writeFileSync(ballast, Buffer.alloc(8 * 1024 * 1024));
      } catch {
        // Full is what it was to become.
      }
    },
    free: () => rmSync(ballast),
    unmount: () => execFileSync('umount', ['--lazy', folder]),
  };
}
