import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { incident, open, temporaryDirectory } from '../support.ts';

describe('the schema', () => {
  test('of a newer program is refused and left unchanged', async () => {
    const dataDir = await temporaryDirectory();
    const store = await open(dataDir);
    await store.saveIncident(incident());
    await store.close();
    const newer = new DatabaseSync(join(dataDir, 'doctor.db'));
    newer.exec(`INSERT INTO schema_version (version, name, applied_at) VALUES (99, 'from the future', 0)`);
    newer.close();

    await expect(open(dataDir)).rejects.toMatchObject({
      name: 'StoreError',
      reason: 'newer_schema',
      retryable: false,
      message: expect.stringMatching(/schema is version 99 \(from the future\), this program knows up to \d+/),
    });
    expect(readdirSync(dataDir).filter((file) => file.includes('corrupt'))).toEqual([]);
    // The lock is released: the newer program can be started again.
    await expect(open(dataDir)).rejects.toMatchObject({ reason: 'newer_schema' });
  });
});
