/** The stream of changes, over Server-Sent Events. The browser resumes it by itself with `Last-Event-ID`. */
import { useSyncExternalStore } from 'react';

export type LinkState = 'connecting' | 'live' | 'offline';

/** How long after the agent refused the stream it is asked again. */
const AGAIN_MS = 3_000;
/** The agent pings every 15 s. After three missing ones the connection is dead, whatever the browser believes. */
const SILENT_MS = 45_000;

interface Watching {
  readonly url: string;
  readonly types: readonly string[];
  /** `data` is undefined after a reconnect: anything may have changed. */
  readonly onChange: (type: string | undefined, data: string | undefined) => void;
}

let state: LinkState = 'connecting';
let since = Date.now();
const listeners = new Set<() => void>();

function setState(next: LinkState): void {
  if (state === next) return;
  state = next;
  since = Date.now();
  for (const listener of listeners) listener();
}

/** Connects until the returned function is called. */
export function watchChanges({ url, types, onChange }: Watching): () => void {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastHeard = Date.now();
  let lastId = '';
  let wasLost = false;

  const connect = (): void => {
    source?.close();
    lastHeard = Date.now();
    const opened = new EventSource(lastId === '' ? url : `${url}?last_event_id=${encodeURIComponent(lastId)}`);
    source = opened;
    opened.onopen = () => {
      lastHeard = Date.now();
      setState('live');
      if (wasLost) onChange(undefined, undefined);
      wasLost = false;
    };
    opened.onerror = () => {
      wasLost = true;
      setState('offline');
      if (opened.readyState !== EventSource.CLOSED) return;
      clearTimeout(timer);
      timer = setTimeout(connect, AGAIN_MS);
    };
    for (const type of types) {
      opened.addEventListener(type, (event: MessageEvent<string>) => {
        lastHeard = Date.now();
        if (event.lastEventId !== '') lastId = event.lastEventId;
        if (type !== 'ping') onChange(type, event.data);
      });
    }
  };

  const guard = setInterval(() => {
    if (Date.now() - lastHeard < SILENT_MS) return;
    wasLost = true;
    setState('offline');
    connect();
  }, 5_000);
  connect();
  return () => {
    clearInterval(guard);
    clearTimeout(timer);
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
