/** The incident of a dependency that is unavailable although no signal reports it: stopped, paused, off its network. */
import type { ContainerRef } from '../../domain/containers.ts';
import type { Assessment } from '../../domain/diagnosis.ts';
import type { Incident, Signal } from '../../domain/incident.ts';

/** Equal for all absences of a service: they are one problem. */
const FINGERPRINT = 'absent';

/** `what` follows the name of the container in a sentence. */
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

/** The assessment of such an incident, which is not diagnosed any further. Undefined for all other incidents. */
export function absenceAssessment({ fingerprint, summary, container }: Incident): Assessment | undefined {
  if (fingerprint !== FINGERPRINT) return undefined;
  const { name } = container;
  return {
    rootCause: `${summary}.`,
    severity: 'medium',
    suggestedFix: `Bring ${name} back if it is needed, or stop the containers that depend on it.`,
    autoRestartSafe: false,
    configSuggestions: [],
    likelyRecurring: false,
    estimatedImpact: `What depends on ${name} does not work until it is back.`,
  };
}
