/** One message at a time about what an action did. */
import { useSyncExternalStore } from 'react';

const SHOWN_MS = 6_000;
const listeners = new Set<() => void>();
let message = '';
let timer: ReturnType<typeof setTimeout> | undefined;

function set(text: string): void {
  message = text;
  for (const listener of listeners) listener();
}

export function toast(text: string): void {
  clearTimeout(timer);
  set(text);
  timer = setTimeout(() => set(''), SHOWN_MS);
}

export function useToast(): string {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => message,
  );
}
