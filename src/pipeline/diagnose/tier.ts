/** What the tiers that ask a model have in common. */
import type { Assessment } from '../../domain/diagnosis.ts';

export interface Answered {
  readonly kind: 'answered';
  readonly by: 'local' | 'claude';
  readonly model: string;
  readonly assessment: Assessment;
  readonly confidence: 'low' | 'medium' | 'high';
}
