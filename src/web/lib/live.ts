/** The stream of changes, over Server-Sent Events. The browser resumes it by itself with `Last-Event-ID`. */
import { useSyncExternalStore } from 'react';
import { agentNow } from './now.ts';

export type LinkState = 'connecting' | 'live' | 'offline';

/** How long after the agent refused the stream it is asked again. */
const AGAIN_MS = 3_000;
/** A connection can be dead without either side knowing, for example after the computer slept. */
const CHECK_MS = 20_000;
const CHECK_TIMEOUT_MS = 5_000;

/** What the agent sends: `ready` if nothing was missed, `reset` if that is not known. */
type Frame = 'ready' | 'changed' | 'reset';

interface Watching {
  readonly url: string;
  /** Without data, anything may have changed. */
  readonly onChange: (data: string | undefined) => void;
  /** The agent does not open the stream; it may be away, or the session may have ended. */
  readonly onRefused: () => void;
}

let state: LinkState = 'connecting';
let since = agentNow();
const listeners = new Set<() => void>();

function setState(next: LinkState): void {
  if (state === next) return;
  state = next;
  since = agentNow();
  for (const listener of listeners) listener();
}

/** Connects until the returned function is called. */
export function watchChanges({ url, onChange, onRefused }: Watching): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wasLost = false;
  let isEnded = false;

  const lose = (): void => {
    wasLost = true;
    setState('offline');
  };
  const connect = (): void => {
    if (isEnded) return;
    source?.close();
    clearTimeout(timer);
    const opened = new EventSource(url);
    source = opened;
    // A new stream does not know what was missed before it; one that the browser resumes does.
    let missed = wasLost;
    opened.onopen = () => {
      wasLost = false;
      setState('live');
    };
    opened.onerror = () => {
      lose();
      if (opened.readyState !== EventSource.CLOSED) return;
      onRefused();
      timer = setTimeout(connect, AGAIN_MS);
    };
    const take = (frame: Frame) => (event: MessageEvent<string>) => {
      if (missed || frame === 'reset') onChange(undefined);
      else if (frame === 'changed') onChange(event.data);
      missed = false;
    };
    opened.addEventListener('ready', take('ready'));
    opened.addEventListener('changed', take('changed'));
    opened.addEventListener('reset', take('reset'));
  };

  const check = async (): Promise<void> => {
    if (state !== 'live' || document.hidden) return;
    const answer = await fetch('/livez', { signal: AbortSignal.timeout(CHECK_TIMEOUT_MS) }).catch(() => undefined);
    if (answer?.ok || isEnded) return;
    lose();
    connect();
  };
  const checks = setInterval(() => void check(), CHECK_MS);
  const checkNow = (): void => void check();
  document.addEventListener('visibilitychange', checkNow);
  window.addEventListener('offline', lose);
  window.addEventListener('online', connect);
  connect();
  return () => {
    isEnded = true;
    clearInterval(checks);
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', checkNow);
    window.removeEventListener('offline', lose);
    window.removeEventListener('online', connect);
    source?.close();
    setState('connecting');
  };
}

export function useLinkState(): LinkState {
  return useSyncExternalStore(subscribe, () => state);
}

/** Since when the state is what it is. */
export function useLinkSince(): number {
  return useSyncExternalStore(subscribe, () => since);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
