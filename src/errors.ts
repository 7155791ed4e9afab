/**
 * Errors that cross a module boundary. The adapter in which a fault occurs throws one of them. Expected outcomes are
 * data, not errors (see domain/).
 */

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export class DoctorError extends Error {
  /** From a closed list: a value of the span attribute and metric label `error.type`. */
  readonly reason: string;
  readonly retryable: boolean;

  constructor(message: string, options: { reason: string; retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = new.target.name;
    this.reason = options.reason;
    this.retryable = options.retryable;
  }
}

export type EngineReason =
  | 'unreachable'
  | 'timeout'
  | 'not_found'
  | 'forbidden'
  | 'conflict'
  | 'server_error'
  | 'protocol';

/** A request to the Docker engine failed. */
export class EngineError extends DoctorError {
  declare readonly reason: EngineReason;
  /** The HTTP status of the response; undefined if there was none. */
  readonly status?: number;

  constructor(message: string, reason: EngineReason, cause?: unknown, status?: number) {
    super(message, {
      reason,
      retryable: reason === 'unreachable' || reason === 'timeout' || reason === 'server_error',
      cause,
    });
    this.status = status;
  }
}

/** The store could not be read or written. */
export class StoreError extends DoctorError {
  constructor(message: string, reason: 'unavailable' | 'newer_schema' | 'locked' | 'missing', cause?: unknown) {
    super(message, { reason, retryable: reason === 'unavailable', cause });
  }
}

export type FleetLimit = 'fleet_restart_limit' | 'fleet_hourly_cap' | 'fleet_daily_spend';

/** A limit of all agents that share a database is reached. Nothing was written. */
export class FleetLimitReached extends Error {
  readonly limit: FleetLimit;

  constructor(limit: FleetLimit) {
    super(`a limit of all hosts together is reached: ${limit}`);
    this.limit = limit;
  }
}

/** Ends work because the agent is stopping. The next run resumes that work. */
export class AgentStopping extends Error {}
