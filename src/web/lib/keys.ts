/** Keyboard shortcuts. Components declare theirs; the list of keys shows those that are active. */
import { useEffect, useRef } from 'react';

export interface Shortcut {
  readonly key: string;
  readonly what: string;
  readonly run: () => void;
}

const OFF = 'doctor.keys-off';
const active = new Set<{ readonly current: readonly Shortcut[] }>();

export function keysAreOff(): boolean {
  try {
    return localStorage.getItem(OFF) === 'true';
  } catch {
    return false;
  }
}

export function turnKeys(on: boolean): void {
  try {
    localStorage.setItem(OFF, String(!on));
  } catch {
    // The choice cannot be kept without storage.
  }
}

/** Active while the component is mounted. */
export function useKeys(shortcuts: readonly Shortcut[]): void {
  const ref = useRef(shortcuts);
  useEffect(() => {
    ref.current = shortcuts;
  });
  useEffect(() => {
    active.add(ref);
    return () => {
      active.delete(ref);
    };
  }, []);
}

export function activeShortcuts(): readonly Shortcut[] {
  return [...active].flatMap(({ current }) => current);
}

/** Listens for the shortcuts. Keys that are typed into a field, or while a dialog is open, are none. */
export function listenForKeys(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target instanceof Element ? event.target : undefined;
    if (target?.closest('input, textarea, select, dialog') || document.querySelector('dialog[open]')) return;
    if (keysAreOff() && event.key !== '?') return;
    const found = activeShortcuts().findLast(({ key }) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found.run();
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** Moves the focus to the next or previous entry of the lists on the page. */
export function moveFocus(step: 1 | -1): void {
  const entries = [...document.querySelectorAll<HTMLElement>('main [data-entry]')].filter((each) =>
    each.checkVisibility(),
  );
  const at = entries.findIndex((each) => each.contains(document.activeElement));
  const next = at === -1 ? (step === 1 ? 0 : entries.length - 1) : at + step;
  entries[Math.max(0, Math.min(entries.length - 1, next))]?.focus();
}
