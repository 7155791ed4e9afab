import type { Outcome } from '../domain.ts';
import type { Clock, ContainerControl } from './ports.ts';

export interface VerifyOptions {
  readonly containerId: string;
  /** A container without health check has recovered once it ran this long without a new sign of the trouble. */
  readonly stableForMs: number;
  readonly deadlineMs: number;
  /** The trouble was seen again since the restart. */
  recurred(): boolean;
  /** A person or tool asked it to stop since the restart. */
  stoppedByOperator(): boolean;
  readonly signal: AbortSignal;
}

export interface Verdict {
  readonly outcome: Exclude<Outcome, 'error'>;
  /** Why, in words. */
  readonly detail: string;
  readonly strategy: 'health' | 'stable';
}

/** Short beside any health interval, and one small request. */
const LOOK_EVERY_MS = 1_000;

/**
 * Watches a restarted container until it has recovered, has failed, or the deadline is reached. That it
 * cannot be looked at is `unknown`, never `failed`.
 */
export async function verify(
  options: VerifyOptions,
  deps: { readonly control: Pick<ContainerControl, 'inspect'>; readonly clock: Clock },
): Promise<Verdict> {
  const begun = deps.clock.now();
  let startedAt: number | undefined;
  let strategy: Verdict['strategy'] = 'stable';
  let blind = false;
  let starting = false;

  for (;;) {
    const facts = await deps.control
      .inspect(options.containerId, AbortSignal.timeout(10_000))
      .catch(() => 'blind' as const);
    const now = deps.clock.now();
    blind = facts === 'blind';
    if (facts === undefined) return { outcome: 'unknown', detail: 'the container was removed', strategy };
    if (options.stoppedByOperator()) {
      return { outcome: 'unknown', detail: 'it was stopped or restarted by somebody else', strategy };
    }
    if (facts !== 'blind') {
      if (facts.health !== 'none') strategy = 'health';
      if (facts.status === 'paused') return { outcome: 'unknown', detail: 'it was paused', strategy };
      if (facts.status !== 'running') {
        return { outcome: 'failed', detail: `it ended again with exit code ${facts.exitCode}`, strategy };
      }
      if (startedAt !== undefined && facts.startedAt !== startedAt) {
        return { outcome: 'failed', detail: 'it ended again and the engine restarted it', strategy };
      }
      startedAt = facts.startedAt;
      starting = facts.health === 'starting';
      if (facts.health === 'unhealthy') return { outcome: 'failed', detail: 'its health check fails again', strategy };
      if (options.recurred()) return { outcome: 'failed', detail: 'the same trouble came back', strategy };
      if (facts.health === 'healthy') return { outcome: 'recovered', detail: 'its health check passes', strategy };
      if (facts.health === 'none' && now - begun >= options.stableForMs) {
        return {
          outcome: 'recovered',
          detail: `it has run for ${Math.round((now - begun) / 1000)} s without new trouble`,
          strategy,
        };
      }
    }
    if (options.signal.aborted)
      return { outcome: 'unknown', detail: 'the agent was stopped while it watched', strategy };
    if (now - begun >= options.deadlineMs) {
      if (blind) return { outcome: 'unknown', detail: 'the engine could not be asked', strategy };
      const seconds = Math.round(options.deadlineMs / 1000);
      return {
        outcome: 'failed',
        detail: starting ? `not healthy within ${seconds} s` : `not stable within ${seconds} s`,
        strategy,
      };
    }
    await deps.clock.sleep(LOOK_EVERY_MS, options.signal);
  }
}
