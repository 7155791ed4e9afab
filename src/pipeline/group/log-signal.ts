import type { ContainerRef } from '../../domain/containers.ts';
import type { Signal } from '../../domain/incident.ts';
import type { LogError } from '../detect/log-error.ts';
import type { Grouped } from './grouper.ts';

/** The signal of an error record. A log storm is one signal, whatever its records are. */
export function logSignal(
  container: ContainerRef,
  { record, summary, patterns }: LogError,
  { kind, fingerprint }: Exclude<Grouped, { readonly kind: 'habit' }>,
): Signal {
  const base = { container, at: record.time, fingerprint, record };
  if (kind !== 'overflow') return { ...base, detector: 'log', summary, patterns };
  return {
    ...base,
    detector: 'storm',
    summary: `log storm: more new kinds of errors than can be distinguished, such as ${summary}`,
    patterns: [...patterns, 'log storm'],
  };
}
