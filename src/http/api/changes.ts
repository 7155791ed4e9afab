/** What has changed, for the pages that are open. Changes are collected and sent a few times a second. */
import { randomBytes } from 'node:crypto';
import type { Changed } from './schemas/overview.ts';

export type Area = Changed['areas'][number];

export interface Frame {
  readonly id: string;
  /** `reset`: changes were missed, so everything has to be read again. `ready`: nothing was missed. */
  readonly event: 'ready' | 'changed' | 'reset';
  readonly data: Changed;
}

export interface ChangeFeed {
  /** Must return at once and never throw. */
  note(area: Area, incidentId?: string): void;
  /**
   * `lastId`: the id of the last frame that this reader had. Calls `send` at once with `ready`, with what was missed, or
   * with `reset`, and later with each frame. Returns a function that ends it.
   */
  subscribe(lastId: string | undefined, send: (frame: Frame) => void): () => void;
}

/** Four frames a second: fast enough for people. */
const FRAME_MS = 250;
const KEPT_FRAMES = 256;
/** More ids in one frame say "read the list again". */
const MAX_IDS = 100;

export function createChangeFeed(): ChangeFeed {
  /** Ids of an earlier run of the agent must not be taken for those of this one. */
  const run = randomBytes(6).toString('hex');
  let last = 0;
  let frames: { readonly number: number; readonly data: Changed }[] = [];
  const readers = new Set<(frame: Frame) => void>();
  let areas = new Set<Area>();
  let incidents = new Set<string>();
  let isComplete = true;
  let isScheduled = false;

  const idOf = (number: number) => `${run}-${number}`;

  const flush = (): void => {
    isScheduled = false;
    const data: Changed = { incidents: [...incidents], areas: [...areas], is_complete: isComplete };
    areas = new Set();
    incidents = new Set();
    isComplete = true;
    last += 1;
    frames.push({ number: last, data });
    if (frames.length > KEPT_FRAMES) frames = frames.slice(-KEPT_FRAMES);
    for (const send of readers) send({ id: idOf(last), event: 'changed', data });
  };

  const catchUp = (lastId: string | undefined): Frame => {
    const nothing = { incidents: [], areas: [], is_complete: true };
    if (lastId === undefined) return { id: idOf(last), event: 'ready', data: nothing };
    const [, from, number] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(lastId) ?? [];
    const seen = Number(number);
    if (from !== run || seen > last || seen < last - frames.length) {
      return { id: idOf(last), event: 'reset', data: { ...nothing, is_complete: false } };
    }
    const missed = frames.filter((frame) => frame.number > seen).map(({ data }) => data);
    if (missed.length === 0) return { id: idOf(last), event: 'ready', data: nothing };
    const ids = [...new Set(missed.flatMap((data) => data.incidents))];
    return {
      id: idOf(last),
      event: 'changed',
      data: {
        incidents: ids.slice(0, MAX_IDS),
        areas: [...new Set(missed.flatMap((data) => data.areas))],
        is_complete: ids.length <= MAX_IDS && missed.every((data) => data.is_complete),
      },
    };
  };

  return {
    note(area, incidentId) {
      areas.add(area);
      if (incidentId !== undefined) {
        if (incidents.size < MAX_IDS || incidents.has(incidentId)) incidents.add(incidentId);
        else isComplete = false;
      }
      // Counted even without readers, so that a page that reconnects knows what it missed.
      if (isScheduled) return;
      isScheduled = true;
      setTimeout(flush, FRAME_MS).unref();
    },

    subscribe(lastId, send) {
      send(catchUp(lastId));
      readers.add(send);
      return () => void readers.delete(send);
    },
  };
}
