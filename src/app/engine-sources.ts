/** Checks which requests the engine grants, and notifies people when it refuses one that the agent needs. */
import { describeSource, SOURCE_INFO, type SourceStates } from '../docker/sources.ts';
import type { Clock } from '../lib/time.ts';
import { ENGINE_SOURCES, type EngineSource } from '../pipeline/observer.ts';
import type { Notice } from '../pipeline/ports/receiver.ts';
import { watchEngine } from './engine-notices.ts';

/** At most six requests a minute, which cost little. A refusal is noticed within a minute. */
const PROBE_EVERY_MS = 30_000;
/** Used until the engine is connected and grants everything, so that a change is noticed soon. */
const RETRY_EVERY_MS = 5_000;
/** A check reads the recorded states and makes no request. */
const CHECK_EVERY_MS = 1_000;
/** A proxy that is being restarted with new rules may refuse requests for a moment. */
const NOTIFY_AFTER_MS = 10_000;

/** Tries the requests that the agent otherwise makes only occasionally, until `signal` aborts. */
async function probeSources(
  deps: {
    readonly engine: {
      probe(source: EngineSource, containerId?: string, signal?: AbortSignal): Promise<void>;
      sources(): SourceStates;
    };
    readonly isConnected: () => boolean;
    /** Returns the id of a watched container, if there is one. */
    readonly anyContainer: () => string | undefined;
    /** Whether the agent may restart containers. */
    readonly restarts: boolean;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const sources: readonly EngineSource[] = deps.restarts ? ['logs', 'inspect', 'restart'] : ['logs', 'inspect'];
  const allOk = () => Object.values(deps.engine.sources()).every(({ kind }) => kind === 'ok');
  while (!signal.aborted) {
    const isConnected = deps.isConnected();
    if (isConnected) {
      // The source tracker records the result.
      for (const source of sources) await deps.engine.probe(source, deps.anyContainer(), signal).catch(() => undefined);
    }
    await deps.clock.sleep(isConnected && allOk() ? PROBE_EVERY_MS : RETRY_EVERY_MS, signal);
  }
}

/** Whether the engine answers but refuses a request that the watch requires. */
function watchIsRefused({ list, events }: SourceStates): boolean {
  return list.kind === 'refused' || events.kind === 'refused';
}

/** The values of the metric `container_doctor_source_up`. */
export function sourcesUp(states: SourceStates): Readonly<Record<EngineSource, boolean>> {
  const up = ENGINE_SOURCES.map((source) => [source, states[source].kind === 'ok']);
  return Object.fromEntries(up) as Record<EngineSource, boolean>;
}

/**
 * The problems in `/health`. While the engine is disconnected, failures are omitted: the disconnection is reported
 * instead.
 */
export function sourceProblems(states: SourceStates, isConnected: boolean): readonly string[] {
  return ENGINE_SOURCES.flatMap((source) => {
    const state = states[source];
    return state.kind === 'failing' && !isConnected ? [] : (describeSource(source, state) ?? []);
  });
}

/** Sends a notice when requests are refused or fail, and another when they succeed again, until `signal` aborts. */
export async function notifyAboutSources(
  deps: {
    readonly states: () => SourceStates;
    readonly isConnected: () => boolean;
    readonly notify: (notice: Notice) => void;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): Promise<void> {
  const { clock, notify } = deps;
  /** When each source last went down or came back; monotonic ms. */
  const changedAt = new Map<EngineSource, number>();
  const isDown = new Set<EngineSource>();
  const notified = new Set<EngineSource>();

  /** New rules of a proxy are one event, so the notice for the first due source also names the others. */
  function isDue(sources: readonly EngineSource[]): boolean {
    return sources.some((source) => clock.monotonic() - (changedAt.get(source) ?? 0) >= NOTIFY_AFTER_MS);
  }

  while (!signal.aborted) {
    const states = deps.states();
    const isConnected = deps.isConnected();
    for (const source of ENGINE_SOURCES) {
      const { kind } = states[source];
      const down = kind === 'refused' || (kind === 'failing' && isConnected);
      if (down === isDown.has(source)) continue;
      if (down) isDown.add(source);
      else isDown.delete(source);
      changedAt.set(source, clock.monotonic());
    }
    const wentDown = [...isDown].filter((source) => !notified.has(source));
    if (isDue(wentDown)) {
      for (const source of wentDown) notified.add(source);
      notify(downNotice(wentDown, states));
    }
    const cameBack = [...notified].filter((source) => !isDown.has(source));
    if (isDue(cameBack)) {
      for (const source of cameBack) notified.delete(source);
      notify(backNotice(cameBack));
    }
    await clock.sleep(CHECK_EVERY_MS, signal);
  }
}

function downNotice(sources: readonly EngineSource[], states: SourceStates): Notice {
  const lines = sources.map((source) => `• ${describeSource(source, states[source])}`);
  return {
    title: 'The Docker engine does not grant what Container Doctor needs',
    text: `${lines.join('\n')}\nIf a socket proxy is in front of the engine, check which requests it allows.`,
  };
}

function backNotice(sources: readonly EngineSource[]): Notice {
  return {
    title: 'The Docker engine grants these requests again',
    text: sources.map((source) => SOURCE_INFO[source].request).join(', '),
  };
}

/** Starts all tasks that watch the connection to the engine, until `signal` aborts. */
export function watchTheEngine(
  deps: {
    readonly engine: Parameters<typeof probeSources>[0]['engine'];
    readonly watch: { isConnected(): boolean; status(): { readonly watched: readonly { readonly id: string }[] } };
    readonly restarts: boolean;
    readonly announce: (notice: Notice) => void;
    readonly clock: Clock;
  },
  signal: AbortSignal,
): readonly Promise<void>[] {
  const { engine, watch, restarts, announce, clock } = deps;
  const { isConnected } = watch;
  // A refusal is announced separately.
  const isConnectedOrRefused = () => isConnected() || watchIsRefused(engine.sources());
  return [
    watchEngine({ isConnected: isConnectedOrRefused, announce, clock }, signal),
    probeSources({ engine, isConnected, anyContainer: () => watch.status().watched[0]?.id, restarts, clock }, signal),
    notifyAboutSources({ states: engine.sources, isConnected, notify: announce, clock }, signal),
  ];
}
