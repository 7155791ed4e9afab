import type { Notice } from '../../pipeline/ports/receiver.ts';
import { noticeLine } from '../alert-text.ts';
import { context, header, titled } from './blocks.ts';
import { type SlackMessage, slackMessage } from './message.ts';

/** Renders a notice about the agent itself for Slack. */
export function renderSlackNotice(notice: Notice): SlackMessage {
  const { title, text, host } = notice;
  return slackMessage(noticeLine(notice), [
    header(`🩺 ${title}`),
    titled('What it means', text),
    ...(host === undefined ? [] : [context([`host ${host}`])]),
  ]);
}
