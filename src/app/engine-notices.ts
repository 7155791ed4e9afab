import type { ContainerRef } from '../domain/containers.ts';
import type { Clock } from '../lib/time.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';

/** An outage is announced after this time. A restart or an upgrade of the engine takes less. */
const OUTAGE_AFTER_MS = 60_000;
const POLL_MS = 1_000;
/** The most names in a notice. More would make it too long. */
const MAX_NAMES = 20;

/** Announces the start and the end of each outage of the engine, until `signal` aborts. */
export async function watchEngine(
  deps: { readonly isConnected: () => boolean; readonly announce: (notice: Notice) => void; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { clock, announce } = deps;
  let connectedAt = clock.monotonic();
  let announced = false;
  while (!signal.aborted) {
    const now = clock.monotonic();
    if (deps.isConnected()) {
      connectedAt = now;
      if (announced) {
        announce({
          title: 'Container Doctor is connected to the Docker engine again',
          text: 'It now reads what the containers logged in the meantime.',
        });
      }
      announced = false;
    } else if (!announced && now - connectedAt >= OUTAGE_AFTER_MS) {
      announced = true;
      announce({
        title: 'Container Doctor cannot reach the Docker engine',
        text:
          `The engine has not answered for ${Math.round((now - connectedAt) / 1000)} s. Until it does, no problem is ` +
          'detected and nothing is restarted. Container Doctor keeps trying to connect.',
      });
    }
    await clock.sleep(POLL_MS, signal);
  }
}

/** The notice about containers that were running when the engine was lost and are not running now. */
export function notBackNotice(containers: readonly ContainerRef[]): Notice {
  const names = containers.map(({ name }) => name).sort();
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  const subject = names.length === 1 ? '1 container is' : `${names.length} containers are`;
  return {
    title: `After an outage of the Docker engine, ${subject} not running`,
    text:
      `${names.slice(0, MAX_NAMES).join(', ')}${more}.\nContainer Doctor restarted nothing: it cannot know whether ` +
      'somebody stopped them in the meantime.',
  };
}
