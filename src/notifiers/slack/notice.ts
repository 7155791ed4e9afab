import type { Notice } from '../../pipeline/ports/receiver.ts';
import { noticeLine } from '../alert-text.ts';
import { context, header, link, titled } from './blocks.ts';
import { type SlackMessage, slackMessage } from './message.ts';

/** Renders a notice about the agent itself for Slack. */
export function renderSlackNotice(notice: Notice): SlackMessage {
  const { title, text, host, url, heading = 'What it means' } = notice;
  return slackMessage(noticeLine(notice), [
    header(`🩺 ${title}`),
    titled(heading, text),
    ...(url === undefined ? [] : [link(url, 'Open the page')]),
    ...(host === undefined ? [] : [context([`host ${host}`])]),
  ]);
}
