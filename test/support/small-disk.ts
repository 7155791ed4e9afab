import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Mounts a file system of 4 MB at `folder`, which can be filled. Undefined if this user is not allowed to mount. */
export function mountSmallDisk(folder: string): { fill(): void; free(): void; unmount(): void } | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'doctor-test', folder], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  const filler = path.join(folder, 'filler');
  return {
    fill() {
      try {
        writeFileSync(filler, Buffer.alloc(8 * 1024 * 1024));
      } catch {
        // The disk is full, as intended.
      }
    },
    free: () => rmSync(filler),
    unmount: () => execFileSync('umount', ['--lazy', folder]),
  };
}
