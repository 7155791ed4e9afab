import { plainText } from '../../lib/text.ts';
import type { Notice } from '../../pipeline/ports.ts';
import { escapeWithin, header, titled } from './blocks.ts';
import type { SlackMessage } from './message.ts';

/** A word about the doctor itself, as Slack shows it. */
export function renderSlackNotice({ title, text }: Notice): SlackMessage {
  return {
    text: escapeWithin(`${title}: ${text}`.replace(/\s+/g, ' '), 500),
    blocks: [header(`🩺 ${title}`), titled('What it means', text)],
    mrkdwn: false,
    parse: 'none',
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
  };
}

/** The same as a line of text. */
export function renderTextNotice({ title, text }: Notice): string {
  return plainText(`${title}: ${text}`).replace(/\s+/g, ' ');
}
