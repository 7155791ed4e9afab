import { readFile, stat } from 'node:fs/promises';
import type { PolicyFiles } from './policy-source.ts';

export const policyFilesOnDisk: PolicyFiles = {
  read: (path) => readFile(path, 'utf8'),
  version: (path) =>
    stat(path, { bigint: true }).then(
      ({ ino, size, mtimeNs, ctimeNs }) => `${ino}/${size}/${mtimeNs}/${ctimeNs}`,
      () => undefined,
    ),
};
