/** What states are called, which shape and which tone they have. */
import type { ReactElement } from 'react';
import { Icon, type IconName } from './icons.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'plain' | 'accent';

interface Look {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

export const SEVERITY: Readonly<Record<string, Look>> = {
  high: { word: 'high', icon: 'high', tone: 'bad' },
  medium: { word: 'medium', icon: 'medium', tone: 'warn' },
  low: { word: 'low', icon: 'low', tone: 'plain' },
};
const NO_SEVERITY: Look = { word: 'not diagnosed yet', icon: 'waiting', tone: 'plain' };

export const OUTCOME: Readonly<Record<string, Look>> = {
  recovered: { word: 'recovered', icon: 'good', tone: 'good' },
  failed: { word: 'did not help', icon: 'bad', tone: 'bad' },
  error: { word: 'could not be restarted', icon: 'bad', tone: 'bad' },
  unknown: { word: 'result unknown', icon: 'unknown', tone: 'plain' },
};

export const CONTAINER_STATE: Readonly<Record<string, Look>> = {
  running: { word: 'running', icon: 'good', tone: 'good' },
  healthy: { word: 'healthy', icon: 'good', tone: 'good' },
  starting: { word: 'starting', icon: 'waiting', tone: 'plain' },
  unhealthy: { word: 'unhealthy', icon: 'bad', tone: 'bad' },
  restarting: { word: 'restarting', icon: 'restart', tone: 'warn' },
  paused: { word: 'paused', icon: 'waiting', tone: 'plain' },
  exited: { word: 'stopped', icon: 'low', tone: 'plain' },
  dead: { word: 'dead', icon: 'bad', tone: 'bad' },
};

export function severityLook(severity: string | null | undefined): Look {
  return SEVERITY[severity ?? ''] ?? NO_SEVERITY;
}

export function Status({
  look,
  word = look.word,
  chip = false,
}: {
  readonly look: Look;
  readonly word?: string;
  readonly chip?: boolean;
}): ReactElement {
  return (
    <span className={`status ${look.tone}${chip ? ' chip' : ''}`}>
      <Icon name={look.icon} size={15} />
      {word}
    </span>
  );
}
