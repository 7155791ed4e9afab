/** The buttons of a message, and what each of them asks for. */
import type { Verdict } from '../../domain/decision.ts';
import { type AppBlock, actions, button } from './app-blocks.ts';

const HOUR_MS = 3_600_000;

/** `incident`: the button carries the id of the incident; otherwise that of the request. */
export type Asked =
  | { readonly kind: 'approve' | 'deny' }
  | { readonly kind: 'snooze'; readonly forMs: number }
  | { readonly kind: 'judge'; readonly verdict: Verdict };

const BUTTONS: Readonly<Record<string, readonly [label: string, asked: Asked]>> = {
  restart: ['Restart', { kind: 'approve' }],
  leave: ['Leave it', { kind: 'deny' }],
  snooze_1h: ['Snooze 1 h', { kind: 'snooze', forMs: HOUR_MS }],
  snooze_8h: ['Snooze 8 h', { kind: 'snooze', forMs: 8 * HOUR_MS }],
  snooze_24h: ['Snooze 24 h', { kind: 'snooze', forMs: 24 * HOUR_MS }],
  verdict_right: ['👍 Right', { kind: 'judge', verdict: 'right' }],
  verdict_wrong: ['👎 Wrong', { kind: 'judge', verdict: 'wrong' }],
};

/** Undefined for an action id that is not ours. */
export function askedBy(actionId: string): Asked | undefined {
  return Object.hasOwn(BUTTONS, actionId) ? BUTTONS[actionId]?.[1] : undefined;
}

/**
 * The id of a row of buttons. Agents that share an app get each other's clicks, so it also names the agent that posted
 * it. `agent`: absent if it is not known.
 */
function rowId(row: 'request' | 'verdict', agent: string | undefined): string {
  return agent === undefined ? row : `${row}.${agent}`;
}

/** The agent that posted a row of buttons, if the id names one. */
export function agentOf(blockId: string): string | undefined {
  return /^(?:request|verdict)\.([0-9a-f]{16})$/.exec(blockId)?.[1];
}

export function restartButtons(requestId: string, containerName: string, agent?: string): AppBlock {
  const confirm = {
    title: 'Restart the container?',
    text: `${containerName} will be restarted now, unless the situation has changed and forbids it.`,
    yes: 'Restart',
  };
  return actions(
    rowId('request', agent),
    ['restart', 'leave', 'snooze_1h', 'snooze_8h', 'snooze_24h'].map((id) =>
      button(id, labelOf(id), requestId, id === 'restart' ? { style: 'danger', confirm } : {}),
    ),
  );
}

export function verdictButtons(incidentId: string, agent?: string): AppBlock {
  return actions(
    rowId('verdict', agent),
    ['verdict_right', 'verdict_wrong'].map((id) => button(id, labelOf(id), incidentId)),
  );
}

function labelOf(id: string): string {
  return BUTTONS[id]?.[0] ?? id;
}
