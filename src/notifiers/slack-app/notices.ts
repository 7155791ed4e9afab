/** Messages that belong to no incident. */
import { dropOldest } from '../../lib/bounded.ts';
import type { Notice, SendResult } from '../../pipeline/ports/receiver.ts';
import { renderSlackNotice } from '../slack/notice.ts';
import { sendResultOf } from './failures.ts';
import type { ApiResult, WebApi } from './web-api.ts';

export interface Notices {
  post(api: WebApi, notice: Notice): Promise<SendResult>;
  /** Replaces the message with the same id. After a restart of the agent, it is a new one. */
  update(api: WebApi, id: string, notice: Notice): Promise<SendResult>;
}

const MAX_KEPT = 10;

export function createNotices(): Notices {
  const shown = new Map<string, string>();
  return {
    post: async (api, notice) => resultOf(await api.post(renderSlackNotice(notice))),
    async update(api, id, notice) {
      const message = renderSlackNotice(notice);
      const ts = shown.get(id);
      let result = ts === undefined ? await api.post(message) : await api.edit(ts, message);
      if (result.kind === 'failed' && result.failure.kind === 'missing') result = await api.post(message);
      if (result.kind === 'ok') shown.set(id, result.value);
      dropOldest(shown, MAX_KEPT);
      return resultOf(result);
    },
  };
}

function resultOf(result: ApiResult<string>): SendResult {
  return result.kind === 'ok' ? { kind: 'sent', status: 200 } : sendResultOf(result.failure);
}
