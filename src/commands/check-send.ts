/** `check --send`: sends a test alert to every receiver. */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Alert } from '../domain/alert.ts';
import type { Severity } from '../domain/diagnosis.ts';
import type { Logger } from '../lib/log.ts';
import { systemClock } from '../lib/time.ts';
import type { CheckResult } from '../notifiers/receiver-module.ts';
import type { ActionResult, PeopleAccess } from '../pipeline/ports/people.ts';
import type { ReceiverMemory } from '../pipeline/ports/store.ts';

const TIMEOUT_MS = 15_000;

/** The results in the order of the receivers. Never rejects. */
export function sendTestAlerts(
  { receivers, publicUrl, agentName }: Pick<Config, 'receivers' | 'publicUrl' | 'agentName'>,
  deps: { print(text: string): void; now(): number },
): Promise<readonly { readonly title: string; readonly result: CheckResult }[]> {
  return Promise.all(
    receivers.map(async ({ title, minSeverity, create }) => {
      const receiver = create({
        ...deps,
        clock: { ...systemClock, now: deps.now },
        logger: SILENT,
        memory: FORGETFUL,
        people: NOBODY,
        publicUrl,
      });
      const sent = await receiver.send(testAlert(minSeverity, agentName, deps.now()), AbortSignal.timeout(TIMEOUT_MS));
      const result: CheckResult =
        sent.kind === 'sent'
          ? { ok: true, detail: `a test alert of severity ${minSeverity} was sent` }
          : { ok: false, why: `a test alert could not be sent: ${sent.why}` };
      return { title, result };
    }),
  );
}

/** Of the receiver's minimum severity, so that it disturbs as few people as possible. */
function testAlert(severity: Severity, host: string | undefined, now: number): Alert {
  const id = `test-${randomBytes(4).toString('hex')}`;
  return {
    id: `${id}/diagnosed/0`,
    kind: 'diagnosed',
    at: now,
    incident: {
      id,
      container: {
        id: '0'.repeat(64),
        name: 'container-doctor-test',
        image: 'none',
        service: 'container-doctor-test',
        labels: {},
        ...(host !== undefined && { host }),
      },
      fingerprint: 'test',
      detector: 'log',
      detectors: ['log'],
      summary: 'This is a test. No container has a problem.',
      patterns: [],
      openedAt: now,
      lastSeenAt: now,
      occurrences: 1,
      state: 'open',
    },
    diagnosis: {
      rootCause: 'Somebody ran container-doctor check --send.',
      severity,
      suggestedFix: 'Nothing needs to be done.',
      autoRestartSafe: false,
      configSuggestions: [],
      likelyRecurring: false,
      estimatedImpact: 'None.',
      tier: 'known',
      rules: [],
      costUsd: 0,
      at: now,
      answeredAt: now,
      afterFailedRestart: false,
    },
    decision: { kind: 'notify', reason: 'restart_not_safe' },
    restartsLastHour: 0,
    excerpt: [],
  };
}

/** A test alert has no later state, and the store may belong to a running agent. */
const FORGETFUL: ReceiverMemory = {
  recall: async () => undefined,
  remember: async () => {},
  recallNote: async () => undefined,
  rememberNote: async () => {},
  recallEarlier: async () => undefined,
  recallOpen: async () => [],
};

const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const refused = async (): Promise<ActionResult> => ({ kind: 'refused', why: 'this is only a check' });

/** A test alert asks for nothing. */
const NOBODY: PeopleAccess = {
  actions: {
    approve: refused,
    deny: refused,
    snooze: refused,
    endSnooze: refused,
    askAgain: refused,
    judge: refused,
  },
  store: {
    waitingRequests: async () => [],
    findRequest: async () => undefined,
    requestsOf: async () => [],
    snoozes: async () => [],
    auditOf: async () => [],
    recentAudit: async () => [],
    saveAudit: async () => {},
  },
  onRequestChanged: () => () => {},
};
