import { stat } from 'node:fs/promises';
import { readTextFile } from '../text-file.ts';
import type { PolicyFiles } from './policy-source.ts';

export const policyFilesOnDisk: PolicyFiles = {
  read: async (path) => readTextFile(path),
  version: (path) =>
    stat(path, { bigint: true }).then(
      ({ ino, size, mtimeNs, ctimeNs }) => `${ino}/${size}/${mtimeNs}/${ctimeNs}`,
      () => undefined,
    ),
};
