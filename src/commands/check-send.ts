/** `check --send`: sends a test alert to every receiver. */
import { randomBytes } from 'node:crypto';
import type { Config } from '../config/config.ts';
import type { Alert } from '../domain/alert.ts';
import type { Severity } from '../domain/diagnosis.ts';
import { systemClock } from '../lib/time.ts';
import type { CheckResult, ReceiverDeps } from '../notifiers/receiver-module.ts';
import type { ReceiverMemory } from '../pipeline/ports/store.ts';

const TIMEOUT_MS = 15_000;

/** The results in the order of the receivers. Never rejects. */
export function sendTestAlerts(
  { receivers, publicUrl, agentName }: Pick<Config, 'receivers' | 'publicUrl' | 'agentName'>,
  deps: { print(text: string): void; now(): number },
): Promise<readonly { readonly title: string; readonly result: CheckResult }[]> {
  return Promise.all(
    receivers.map(async ({ title, minSeverity, create }) => {
      const receiver = create({ ...deps, ...UNUSED, memory: FORGETFUL, publicUrl });
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

const nothing = () => {};
const refuse = async () => ({ kind: 'not_found' }) as const;

/** For receivers with buttons. Nobody can answer a test alert. */
const UNUSED: Pick<ReceiverDeps, 'clock' | 'logger' | 'people'> = {
  clock: systemClock,
  logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
  people: {
    actions: { approve: refuse, deny: refuse, snooze: refuse, endSnooze: refuse, askAgain: refuse, judge: refuse },
    store: {
      waitingRequests: async () => [],
      findRequest: async () => undefined,
      requestsOf: async () => [],
      snoozes: async () => [],
      auditOf: async () => [],
      recentAudit: async () => [],
      saveAudit: async () => {},
    },
    onRequestChanged: () => nothing,
  },
};

/** A test alert has no later state, and the store may belong to a running agent. */
const FORGETFUL: ReceiverMemory = {
  recall: async () => undefined,
  remember: async () => {},
  recallEarlier: async () => undefined,
  recallOpen: async () => [],
};
