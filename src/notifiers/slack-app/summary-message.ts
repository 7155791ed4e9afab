/** The message with the summary of a flood. Its position is stored, so that the next run of the agent edits it too. */
import { summaryNotice } from '../../pipeline/notify/summary.ts';
import type { SendResult, Summary } from '../../pipeline/ports/receiver.ts';
import type { IncidentMemory } from '../receiver-module.ts';
import { renderSlackNotice } from '../slack/notice.ts';
import { sendResultOf } from './failures.ts';
import type { WebApi } from './web-api.ts';

interface Position {
  /** Of the summary. */
  readonly id: string;
  /** Of the message. */
  readonly ts: string;
}

const NOTE = 'summary';

/** Returns what posts a summary, or edits its earlier version. It never rejects. */
export function createSummaryMessage(deps: {
  readonly memory: Pick<IncidentMemory, 'recallNote' | 'rememberNote'>;
  readonly now: () => number;
  readonly publicUrl?: string;
}): (api: WebApi, summary: Summary) => Promise<SendResult> {
  const { memory, now, publicUrl } = deps;
  let position: Position | undefined;
  let isRead = false;

  const read = async (): Promise<void> => {
    if (isRead) return;
    position = parse(await memory.recallNote(NOTE));
    isRead = true;
  };

  const keep = async (next: Position): Promise<void> => {
    const isNew = next.ts !== position?.ts || next.id !== position.id;
    position = next;
    // If it cannot be stored, this run still knows it.
    if (isNew) await memory.rememberNote(NOTE, JSON.stringify(next)).catch(() => undefined);
  };

  return async (api, summary) => {
    try {
      await read();
    } catch {
      return { kind: 'retry', why: 'the store cannot be read, so the message of the summary is not known' };
    }
    const { text, blocks } = renderSlackNotice(summaryNotice(summary, now(), publicUrl));
    const ts = position?.id === summary.id ? position.ts : undefined;
    const edited = ts === undefined ? undefined : await api.edit(ts, { text, blocks });
    const isGone = edited?.kind === 'failed' && edited.failure.kind === 'missing';
    const result = edited === undefined || isGone ? await api.post({ text, blocks }) : edited;
    if (result.kind === 'failed') return sendResultOf(result.failure);
    await keep({ id: summary.id, ts: result.value });
    return { kind: 'sent', status: 200 };
  };
}

function parse(value: string | undefined): Position | undefined {
  try {
    const { id, ts } = JSON.parse(value ?? 'null') as Partial<Position>;
    return typeof id === 'string' && typeof ts === 'string' ? { id, ts } : undefined;
  } catch {
    return undefined;
  }
}
