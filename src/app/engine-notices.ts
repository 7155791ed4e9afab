import type { ContainerRef } from '../domain.ts';
import type { Clock } from '../lib/time.ts';
import type { Notice } from '../pipeline/ports.ts';

/** An engine that is restarted or upgraded is back by then. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
/** As many names as a message can show. */
const NAMED = 20;

/** Tells people once that the engine cannot be seen, and once that it is back, until `signal` aborts. */
export async function watchEngine(
  deps: { readonly isConnected: () => boolean; readonly say: (notice: Notice) => void; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { clock, say } = deps;
  let connectedAt = clock.monotonic();
  let told = false;
  while (!signal.aborted) {
    const now = clock.monotonic();
    if (deps.isConnected()) {
      connectedAt = now;
      if (told) {
        say({ title: 'The doctor sees the Docker engine again', text: 'What was logged meanwhile is being read.' });
      }
      told = false;
    } else if (!told && now - connectedAt >= PATIENCE_MS) {
      told = true;
      say({
        title: 'The doctor cannot see the Docker engine',
        text:
          `It has not answered for ${Math.round((now - connectedAt) / 1000)} s. Until it does, nothing is noticed and ` +
          'nothing restarted. The agent goes on trying.',
      });
    }
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

/** Of containers that ran until the engine was lost and are down since. */
export function notBackNotice(containers: readonly ContainerRef[]): Notice {
  const names = containers.map(({ name }) => name).sort();
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return {
    title: `The Docker engine was away, and ${names.length === 1 ? 'a container is' : `${names.length} containers are`} not back`,
    text:
      `${names.slice(0, NAMED).join(', ')}${more}.\nNothing was restarted: whether somebody stopped them meanwhile ` +
      'cannot be told.',
  };
}
