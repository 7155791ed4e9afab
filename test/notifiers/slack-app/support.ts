/** The Slack app with a stand-in for Slack, and with records in memory in place of the store. */
import { onTestFinished } from 'vitest';
import type { Alert } from '../../../src/domain/alert.ts';
import type { Incident } from '../../../src/domain/incident.ts';
import { systemClock } from '../../../src/lib/time.ts';
import type { IncidentMemory, ReceiverDeps } from '../../../src/notifiers/receiver-module.ts';
import type { SlackAppSettings } from '../../../src/notifiers/slack-app/settings.ts';
import { createSlackApp } from '../../../src/notifiers/slack-app/slack-app.ts';
import type {
  ActionResult,
  Actor,
  AuditEntry,
  PeopleActions,
  PeopleRecords,
  RestartRequest,
} from '../../../src/pipeline/ports/people.ts';
import { eventually } from '../../support/eventually.ts';
import { NOON, sampleAlert, sampleAttempt, sampleIncident } from '../../support/samples.ts';
import { type ChannelMessage, type SlackApp, startSlackApp } from '../../support/slack-app-server.ts';

export const JANE = 'U0JANE0001';
export const JOE = 'U0JOE00001';
export const STRANGER = 'U0STRANGER1';

export interface TestApp {
  readonly slack: SlackApp;
  readonly receiver: ReturnType<typeof createSlackApp>;
  readonly records: TestRecords;
  /** What people asked for. */
  readonly asked: readonly { readonly action: string; readonly of: string; readonly actor: Actor }[];
  now: number;
  send(alert: Alert): Promise<unknown>;
  /** The only message of the channel. */
  message(): ChannelMessage;
  text(): string;
  thread(): readonly string[];
  /** Starts the connection for clicks. */
  connect(): Promise<void>;
  disconnect(): void;
  /** Another run of the agent with the same store. */
  restarted(): TestApp;
  /** Another agent, with a store of its own and the same tokens. */
  otherAgent(): TestApp;
  /** Added to the monotonic clock, ms. */
  passed: number;
}

export interface TestRecords {
  readonly requests: Map<string, RestartRequest>;
  readonly audit: AuditEntry[];
  readonly notes: Map<string, string>;
  readonly values: Map<string, { readonly incident: Incident; readonly value: string; endedAt?: number }>;
  /** The store fails. */
  failing: boolean;
}

export async function startTestApp(over: Partial<SlackAppSettings> = {}): Promise<TestApp> {
  const slack = await startSlackApp();
  onTestFinished(() => slack.close());
  return appWith(slack, emptyRecords(), over);
}

function emptyRecords(): TestRecords {
  return { requests: new Map(), audit: [], notes: new Map(), values: new Map(), failing: false };
}

function appWith(slack: SlackApp, records: TestRecords, over: Partial<SlackAppSettings>): TestApp {
  const asked: { action: string; of: string; actor: Actor }[] = [];
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const settings: SlackAppSettings = {
    botToken: slack.botToken,
    channel: slack.channel,
    appToken: slack.appToken,
    approvers: [JANE, JOE],
    apiUrl: slack.apiUrl,
    minSeverity: 'low',
    ...over,
  };
  const clock = {
    now: () => app.now,
    monotonic: () => systemClock.monotonic() + app.passed,
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 100, signal),
  };
  const deps: ReceiverDeps = {
    print: () => undefined,
    now: clock.now,
    clock,
    logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
    timeoutMs: 60_000,
    memory: memoryIn(records),
    people: {
      actions: peopleIn(records, asked, () => app.now),
      store: recordsIn(records),
      onRequestChanged: () => () => undefined,
    },
  };
  const receiver = createSlackApp(settings, deps);
  const onlyMessage = () => {
    const [message, ...more] = slack.shown().filter(({ threadTs }) => threadTs === undefined);
    if (!message || more.length > 0) throw new Error(`${more.length + (message ? 1 : 0)} messages`);
    return message;
  };
  const app: TestApp = {
    slack,
    receiver,
    records,
    asked,
    now: NOON + 20_000,
    send: (alert) => receiver.send(alert, AbortSignal.timeout(60_000)),
    message: onlyMessage,
    text: () => slack.textOf(onlyMessage()),
    thread: () => slack.thread(onlyMessage().ts).map((reply) => slack.textOf(reply)),
    async connect() {
      void receiver.run?.(stop.signal);
      await eventually(() => (slack.socket.connections() > 0 ? true : undefined));
    },
    disconnect: () => stop.abort(),
    otherAgent: () => appWith(slack, emptyRecords(), over),
    passed: 0,
    restarted() {
      stop.abort();
      return appWith(slack, records, over);
    },
  };
  return app;
}

function memoryIn(records: TestRecords): IncidentMemory {
  const check = () => {
    if (records.failing) throw new Error('the store cannot be used');
  };
  return {
    async recall(id) {
      check();
      return records.values.get(id)?.value;
    },
    async remember(incident, value) {
      check();
      records.values.set(incident.id, { ...records.values.get(incident.id), incident, value });
    },
    async recallNote(name) {
      check();
      return records.notes.get(name);
    },
    async rememberNote(name, value) {
      check();
      records.notes.set(name, value);
    },
    async recallEarlier({ fingerprint, id }, since) {
      check();
      const found = [...records.values.values()].findLast(
        (each) =>
          each.incident.fingerprint === fingerprint && each.incident.id !== id && (each.endedAt ?? since) >= since,
      );
      return found && { incidentId: found.incident.id, value: found.value };
    },
    async recallOpen() {
      check();
      return [...records.values].flatMap(([incidentId, { value, endedAt }]) =>
        endedAt === undefined ? [{ incidentId, value }] : [],
      );
    },
  };
}

function recordsIn(records: TestRecords): PeopleRecords {
  const { requests, audit } = records;
  const some: Partial<PeopleRecords> = {
    async findRequest(id) {
      if (records.failing) throw new Error('the store cannot be used');
      return requests.get(id);
    },
    requestsOf: async (incidentId) => [...requests.values()].filter((each) => each.incidentId === incidentId),
    saveAudit: async (entry) => void audit.push(entry),
  };
  return some as PeopleRecords;
}

/** Answers as the agent does; its restarts are not part of these tests. */
function peopleIn(
  { requests }: TestRecords,
  asked: { action: string; of: string; actor: Actor }[],
  now: () => number,
): PeopleActions {
  const answer = (action: 'approved' | 'denied', id: string, actor: Actor): ActionResult => {
    asked.push({ action, of: id, actor });
    const request = requests.get(id);
    if (!request) return { kind: 'not_found' };
    if (request.state !== 'waiting') {
      return { kind: 'refused', why: `${request.answeredBy?.who ?? 'nobody'} answered it a minute ago` };
    }
    requests.set(id, { ...request, state: action, answeredBy: actor, answeredAt: now() });
    return { kind: 'done', what: action };
  };
  const some: Partial<PeopleActions> = {
    approve: async (id, actor) => answer('approved', id, actor),
    deny: async (id, actor) => answer('denied', id, actor),
    async snooze({ forMs, ...what }, actor) {
      const of = 'incidentId' in what ? what.incidentId : what.service.service;
      asked.push({ action: `snooze ${forMs / 3_600_000} h`, of, actor });
      return { kind: 'done', what: 'snoozed' };
    },
    async judge(incidentId, verdict, _note, actor) {
      asked.push({ action: verdict, of: incidentId, actor });
      return { kind: 'done', what: 'judged' };
    },
  };
  return some as PeopleActions;
}

export function aRequest(over: Partial<RestartRequest> = {}): RestartRequest {
  return {
    id: 'req-1',
    incidentId: 'inc-1',
    containerId: 'a'.repeat(64),
    containerName: 'shop-web-1',
    containerStartedAt: NOON - 3_600_000,
    requestedAt: NOON,
    expiresAt: NOON + 900_000,
    state: 'waiting',
    ...over,
  };
}

/** Alerts of one incident, in the order in which the pipeline sends them. */
export const alerts = {
  diagnosed: (over: Partial<Alert> = {}) => sampleAlert({ id: 'inc-1/diagnosed/0', ...over }),
  asks: (over: Partial<Alert> = {}) =>
    sampleAlert({
      id: 'inc-1/diagnosed/0',
      decision: { kind: 'ask', reason: 'policy_ask' },
      request: { id: 'req-1', expiresAt: NOON + 900_000 },
      ...over,
    }),
  restarting: () =>
    sampleAlert({
      id: 'inc-1/restarting/att-1',
      kind: 'restarting',
      at: NOON + 21_000,
      decision: { kind: 'restart', reason: 'restart_allowed' },
      attempt: sampleAttempt({ outcome: undefined, detail: undefined, finishedAt: undefined }),
    }),
  outcome: (outcome: 'recovered' | 'failed') =>
    sampleAlert({
      id: 'inc-1/outcome/att-1',
      kind: 'outcome',
      at: NOON + 40_000,
      decision: { kind: 'restart', reason: 'restart_allowed' },
      attempt: sampleAttempt({
        outcome,
        detail: outcome === 'failed' ? 'it exited with code 1' : 'healthy after 12 s',
      }),
    }),
  resolved: (over: Partial<Alert> = {}) =>
    sampleAlert({
      id: 'inc-1/resolved/0',
      kind: 'resolved',
      at: NOON + 60_000,
      incident: sampleIncident({ state: 'resolved' }),
      decision: { kind: 'restart', reason: 'restart_allowed' },
      attempt: sampleAttempt(),
      excerpt: [],
      ...over,
    }),
};
