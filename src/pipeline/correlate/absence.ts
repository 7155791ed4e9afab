/** The incident of a dependency that is away on purpose: stopped, paused, or not started. */
import type { Assessment, ContainerRef, Signal } from '../../domain.ts';

/** Equal for all absences of a service: they are one problem. */
const FINGERPRINT = 'absent';

export function absenceSignal(container: ContainerRef, what: string, at: number): Signal {
  return {
    container,
    detector: 'health',
    at,
    fingerprint: FINGERPRINT,
    summary: `${container.name} ${what}, and others depend on it`,
    patterns: ['dependency away'],
  };
}

export function absenceAssessment({ name }: ContainerRef, what: string): Assessment {
  return {
    rootCause: `${name} ${what}. Other containers need it and fail.`,
    severity: 'medium',
    suggestedFix: `Start ${name} again if it is needed, or stop the containers that depend on it.`,
    autoRestartSafe: false,
    configSuggestions: [],
    likelyRecurring: false,
    estimatedImpact: `What depends on ${name} does not work until it is back.`,
  };
}
