import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../lib/time.ts';
import type { IncidentStore } from '../ports/store.ts';

/** The shortest time between two writes. */
const COUNTS_EVERY_MS = 1_000;

/** Writes the counts of repeats in batches. */
export function createCountWriter(
  store: Pick<IncidentStore, 'saveOccurrences'>,
  takeDirty: () => readonly { readonly id: string; readonly occurrences: number; readonly lastSeenAt: number }[],
  clock: Clock,
  logger: Logger,
): { wake(): void; flush(): Promise<void> } {
  let asleep = true;
  const flush = async (): Promise<void> => {
    const dirty = takeDirty();
    if (dirty.length === 0) return;
    await store.saveOccurrences(dirty).catch((error: unknown) => {
      logger.error('the number of occurrences could not be stored', { error: String(error) });
    });
  };
  return {
    wake() {
      if (!asleep) return;
      asleep = false;
      void clock.sleep(COUNTS_EVERY_MS).then(async () => {
        asleep = true;
        await flush();
      });
    },
    flush,
  };
}
