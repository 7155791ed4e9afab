/** A notifier on a real store, with receivers whose answers the test chooses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { Severity } from '../../../src/domain/diagnosis.ts';
import { StoreError } from '../../../src/errors.ts';
import { type Clock, systemClock } from '../../../src/lib/time.ts';
import { createNotifier, type Notifier } from '../../../src/pipeline/notify/notify.ts';
import { noopObserver } from '../../../src/pipeline/observer.ts';
import type { Filter } from '../../../src/pipeline/policy/filter.ts';
import type { Notice, Receiver, SendResult } from '../../../src/pipeline/ports/receiver.ts';
import type { FloodStore, FollowedIncidents, Outbox } from '../../../src/pipeline/ports/store.ts';
import { openStore, type Store } from '../../../src/store/store.ts';
import { sampleAlert, sampleDiagnosis } from '../../support/samples.ts';
import { createRecordingLogger } from '../../support/watching.ts';

export const FULL = new StoreError('the disk is full', 'unavailable');

/** The service behind a receiver. */
export interface Service {
  readonly receiver: Receiver;
  answer: SendResult;
  /** Instead of `answer`, for some messages. */
  answerTo?: (message: Alert | Notice) => SendResult;
  /** Does not answer from now on, until `release` is called. */
  hang(): void;
  release(): void;
  isHanging(): boolean;
  /** Ids of alerts and titles of notices that it accepted, in order. */
  readonly accepted: string[];
  readonly messages: (Alert | Notice)[];
}

export function createService(
  name: string,
  options: Pick<Receiver, 'follows' | 'groups' | 'takesAnswers'> = {},
): Service {
  let released = Promise.resolve();
  let release = () => {};
  let hanging = false;
  const take = async (message: Alert | Notice): Promise<SendResult> => {
    await released;
    const answer = service.answerTo?.(message) ?? service.answer;
    if (answer.kind === 'sent') {
      service.messages.push(message);
      service.accepted.push('id' in message ? message.id : message.title);
    }
    return answer;
  };
  const service: Service = {
    receiver: { name, ...options, paceMs: 0, send: take, sendNotice: take },
    answer: { kind: 'sent' },
    hang() {
      hanging = true;
      ({ promise: released, resolve: release } = Promise.withResolvers<void>());
    },
    release() {
      hanging = false;
      release();
    },
    isHanging: () => hanging,
    accepted: [],
    messages: [],
  };
  return service;
}

export interface NotifyWorld {
  readonly notifier: Notifier;
  /** The same store. While `full`, it rejects writes and reads of the outbox. */
  readonly outbox: Outbox & FollowedIncidents & FloodStore & { full: boolean };
  readonly store: Store;
  readonly dataDir: string;
  readonly clock: Clock;
  /** Ends it as the agent ends; its data stay until the end of the test. */
  close(): Promise<void>;
  readonly logger: ReturnType<typeof createRecordingLogger>;
  readonly stopping: AbortController;
  notify(id: string, over?: Partial<Alert> & { readonly severity?: Severity }): Promise<void>;
  /** Alerts that wait for a receiver. */
  pending(receiver: string): Promise<number>;
  /** The number of attempts to send to a receiver with this outcome. */
  count(receiver: string, outcome: string): number;
  run(): Promise<void>;
}

export async function startNotifier(
  services: readonly (Service & { readonly minSeverity?: Severity; readonly only?: Filter })[],
  options: {
    readonly clock?: Clock;
    readonly hasOwnMinSeverity?: boolean;
    readonly hostName?: string;
    readonly dataDir?: string;
  } = {},
): Promise<NotifyWorld> {
  const { clock = systemClock } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'doctor-notify-')));
  const logger = createRecordingLogger();
  const store = await openStore({
    where: { dataDir },
    receivers: services.map(({ receiver }) => receiver.name),
    now: clock.now,
    logger,
  });
  const outbox = failingOutbox(store);
  const outcomes: string[] = [];
  const stopping = new AbortController();
  const running: Promise<void>[] = [];
  const close = async () => {
    stopping.abort();
    await Promise.all(running);
    await store.close();
  };
  onTestFinished(async () => {
    await close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const notifier = createNotifier({
    routes: services.map(({ receiver, minSeverity = 'low', only }) => ({ receiver, minSeverity, only })),
    hasOwnMinSeverity: () => options.hasOwnMinSeverity ?? false,
    hostName: () => options.hostName,
    outbox,
    observer: {
      ...noopObserver,
      notification: ({ receiver, outcome }) => void outcomes.push(`${receiver} ${outcome}`),
    },
    logger,
    clock,
    traceSend: (_receiver, _tries, _trace, send) => send(),
  });
  return {
    notifier,
    outbox,
    store,
    dataDir,
    clock,
    close,
    logger,
    stopping,
    async notify(id, { severity = 'high', ...over } = {}) {
      const alert = sampleAlert({ id, at: clock.now(), diagnosis: sampleDiagnosis({ severity }), ...over });
      await notifier.notify(alert, undefined);
      if (!services.some(({ isHanging }) => isHanging())) await notifier.idle();
    },
    pending: async (receiver) => (await store.pending()).get(receiver) ?? 0,
    count: (receiver, outcome) => outcomes.filter((each) => each === `${receiver} ${outcome}`).length,
    run() {
      const run = notifier.run(stopping.signal);
      running.push(run);
      return run;
    },
  };
}

/** The outbox of a store on a disk that can become full. */
function failingOutbox(store: Store): NotifyWorld['outbox'] {
  const failing = { full: false };
  const unlessFull =
    <Args extends readonly unknown[], Result>(method: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      if (failing.full) throw FULL;
      return method(...args);
    };
  return Object.assign(failing, {
    enqueue: unlessFull(store.enqueue),
    due: unlessFull(store.due),
    markSent: unlessFull(store.markSent),
    markRetry: unlessFull(store.markRetry),
    markDropped: unlessFull(store.markDropped),
    pending: unlessFull(store.pending),
    followersOf: unlessFull(store.followersOf),
    sentSince: unlessFull(store.sentSince),
    hold: unlessFull(store.hold),
    held: unlessFull(store.held),
    markSummarized: unlessFull(store.markSummarized),
    isShown: unlessFull(store.isShown),
    loadFlood: unlessFull(store.loadFlood),
    saveFlood: unlessFull(store.saveFlood),
    followedCase: unlessFull(store.followedCase),
    untoldResolutions: unlessFull(store.untoldResolutions),
  });
}
