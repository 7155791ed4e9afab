import type { ContainerFacts } from '../../domain/containers.ts';
import type { Outcome } from '../../domain/decision.ts';
import type { Clock } from '../../lib/time.ts';
import type { ContainerControl } from '../ports/engine.ts';

export interface VerifyOptions {
  readonly containerId: string;
  /** A container without a health check has recovered after running this long without a new signal of the incident. */
  readonly stableForMs: number;
  /** Later than `stableForMs`. */
  readonly deadlineMs: number;
  /** The incident had a new signal since the restart. */
  recurred(): boolean;
  /** A person or tool stopped it since the restart. */
  stoppedByOperator(): boolean;
  readonly signal: AbortSignal;
  /** Set if the engine has not confirmed the restart. */
  readonly unconfirmed?: Unconfirmed;
}

/** A restart that the engine did not confirm: it may be done, in progress, or never received by the engine. */
export interface Unconfirmed {
  /** When the attempt was stored, just before the request. */
  readonly since: number;
  /** The engine certainly received the request. */
  readonly received: boolean;
  /** Called when the container has been started again. Later events are not part of the restart. */
  onRestarted(): void;
}

interface Verification {
  /** `error`: there was no restart. */
  readonly outcome: Outcome;
  /** The reason, for people. */
  readonly detail: string;
  readonly strategy: 'health' | 'stable';
}

interface VerifyDeps {
  readonly control: Pick<ContainerControl, 'inspect'>;
  readonly clock: Clock;
}

/** Shorter than any usual interval of health checks; each poll is one small request. */
const POLL_INTERVAL_MS = 1_000;
/** How long beyond the stop timeout the engine may take to kill a container. */
const KILL_PATIENCE_MS = 10_000;
/** How long beyond the stop timeout it may take to start it again. */
export const START_PATIENCE_MS = 60_000;

const AGENT_STOPPED = 'the agent was stopped during verification';
const NO_ANSWER = 'the engine did not answer';

/**
 * Polls a restarted container until it has recovered, has failed, or the deadline is reached. If it cannot be
 * inspected, the outcome is `unknown`, never `failed`.
 */
export async function verify(options: VerifyOptions, deps: VerifyDeps): Promise<Verification> {
  const notRestarted = options.unconfirmed && (await awaitRestart(options, options.unconfirmed, deps));
  if (notRestarted) return notRestarted;
  const begun = deps.clock.monotonic();
  let startedAt: number | undefined;
  let strategy: Verification['strategy'] = 'stable';

  for (;;) {
    const facts = await inspect(options, deps);
    const ranFor = deps.clock.monotonic() - begun;
    if (facts === undefined) return { outcome: 'unknown', detail: 'the container was removed', strategy };
    if (options.stoppedByOperator()) {
      return { outcome: 'unknown', detail: 'a person or another tool stopped or restarted it', strategy };
    }
    if (facts !== 'no_answer') {
      if (facts.health !== 'none') strategy = 'health';
      if (facts.status === 'paused') return { outcome: 'unknown', detail: 'it was paused', strategy };
      if (facts.status !== 'running') {
        return { outcome: 'failed', detail: `it exited again with code ${facts.exitCode}`, strategy };
      }
      if (startedAt !== undefined && facts.startedAt !== startedAt) {
        return { outcome: 'failed', detail: 'it exited again and the engine restarted it', strategy };
      }
      startedAt = facts.startedAt;
      if (facts.health === 'unhealthy') return { outcome: 'failed', detail: 'its health check fails again', strategy };
      if (options.recurred()) return { outcome: 'failed', detail: 'the same problem came back', strategy };
      if (facts.health === 'healthy') return { outcome: 'recovered', detail: 'its health check passes', strategy };
      if (facts.health === 'none' && ranFor >= options.stableForMs) {
        return {
          outcome: 'recovered',
          detail: `it has run for ${Math.round(ranFor / 1000)} s without a new problem`,
          strategy,
        };
      }
    }
    if (options.signal.aborted) return { outcome: 'unknown', detail: AGENT_STOPPED, strategy };
    if (ranFor >= options.deadlineMs) {
      if (facts === 'no_answer') return { outcome: 'unknown', detail: NO_ANSWER, strategy };
      // Its health check has neither passed nor failed so far.
      const seconds = Math.round(options.deadlineMs / 1000);
      return { outcome: 'failed', detail: `not healthy within ${seconds} s`, strategy };
    }
    await deps.clock.sleep(POLL_INTERVAL_MS, options.signal);
  }
}

/**
 * Waits until the container has been started again, for as long as the engine may take. Returns undefined if it was, so
 * that verification can begin; otherwise the result.
 */
async function awaitRestart(
  options: VerifyOptions,
  { since, received, onRestarted }: Unconfirmed,
  deps: VerifyDeps,
): Promise<Verification | undefined> {
  const { clock } = deps;
  const begun = clock.monotonic();
  const age = Math.max(0, clock.now() - since);
  const verification = (outcome: Outcome, detail: string): Verification => ({ outcome, detail, strategy: 'stable' });

  for (;;) {
    const facts = await inspect(options, deps);
    const waited = clock.monotonic() - begun;
    if (facts === undefined) return undefined;
    if (facts === 'no_answer') {
      if (waited >= options.deadlineMs) return verification('unknown', NO_ANSWER);
    } else {
      if (facts.startedAt >= since) {
        onRestarted();
        return undefined;
      }
      const down = facts.status !== 'running' && facts.status !== 'paused';
      const patience = down ? START_PATIENCE_MS : KILL_PATIENCE_MS;
      if (age + waited >= facts.stopTimeout * 1000 + patience) {
        if (down && facts.finishedAt >= since) return verification('unknown', 'it was stopped and not started again');
        if (received)
          return verification(
            'unknown',
            'the engine has not answered, and the container has not been restarted so far',
          );
        return verification('error', 'the engine did not receive the request');
      }
    }
    if (options.signal.aborted) return verification('unknown', AGENT_STOPPED);
    await clock.sleep(POLL_INTERVAL_MS, options.signal);
  }
}

function inspect(
  { containerId }: VerifyOptions,
  { control }: VerifyDeps,
): Promise<ContainerFacts | 'no_answer' | undefined> {
  return control.inspect(containerId, AbortSignal.timeout(10_000)).catch(() => 'no_answer' as const);
}
