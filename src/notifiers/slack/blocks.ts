/**
 * The parts of Block Kit that we use. Each stays within Slack's limits for any input.
 *
 * Text from outside is only used in plain text and rich text elements, in which Slack parses no mentions, links or
 * formatting. Slack requires `&`, `<` and `>` to be escaped even there.
 */
import { plainText } from '../../lib/text.ts';

export interface PlainText {
  readonly type: 'plain_text';
  readonly text: string;
  readonly emoji: false;
}

/** For our own constants only. */
export interface Mrkdwn {
  readonly type: 'mrkdwn';
  readonly text: string;
  readonly verbatim: true;
}

export interface RichText {
  readonly type: 'text';
  readonly text: string;
  readonly style?: { readonly bold?: true; readonly italic?: true };
}

/** To our own pages only. */
export interface RichLink {
  readonly type: 'link';
  readonly url: string;
  readonly text: string;
}

interface RichSection {
  readonly type: 'rich_text_section';
  readonly elements: readonly (RichText | RichLink)[];
}

export type RichElement =
  | RichSection
  | { readonly type: 'rich_text_preformatted'; readonly elements: readonly RichText[] }
  | { readonly type: 'rich_text_list'; readonly style: 'bullet'; readonly elements: readonly RichSection[] };

export type Block =
  | { readonly type: 'header'; readonly text: PlainText }
  | { readonly type: 'section'; readonly fields: readonly (PlainText | Mrkdwn)[] }
  | { readonly type: 'rich_text'; readonly elements: readonly RichElement[] }
  | { readonly type: 'context'; readonly elements: readonly PlainText[] }
  | { readonly type: 'divider' };

/** Slack's documented limits, in characters of the escaped text. */
export const SLACK_LIMITS = { header: 150, field: 2000, fields: 10, contextElements: 10, blocks: 50 } as const;
/**
 * Slack does not document a limit of rich text. This is the documented limit of a section, which rich text also
 * accepts.
 */
export const RICH_TEXT_LIMIT = 3000;
const CONTEXT_LIMIT = 300;

/** Removes invisible characters, escapes the text, and cuts it to `max` characters without cutting an entity. */
export function escapeWithin(text: string, max: number): string {
  let out = '';
  let endIfCut = 0;
  for (const char of plainText(text)) {
    const escaped = char === '&' ? '&amp;' : char === '<' ? '&lt;' : char === '>' ? '&gt;' : char;
    if (out.length + escaped.length > max) return `${out.slice(0, endIfCut)}…`;
    out += escaped;
    if (out.length <= max - 1) endIfCut = out.length;
  }
  return out;
}

export function plain(text: string, max: number): PlainText {
  return { type: 'plain_text', text: escapeWithin(oneLine(text), max) || ' ', emoji: false };
}

export function header(text: string): Block {
  return { type: 'header', text: plain(text, SLACK_LIMITS.header) };
}

/** A table with at most five rows. The names must be our own constants. */
export function table(rows: readonly (readonly [name: string, value: string])[]): Block {
  const fields = rows
    .slice(0, SLACK_LIMITS.fields / 2)
    .flatMap(([name, value]): (PlainText | Mrkdwn)[] => [
      { type: 'mrkdwn', text: `*${name}*`, verbatim: true },
      plain(value, 300),
    ]);
  return { type: 'section', fields };
}

/** A bold title and a text below it. */
export function titled(title: string, text: string, max: number = RICH_TEXT_LIMIT - 100): Block {
  // Many empty lines would push the rest of the message out of sight.
  const shown =
    escapeWithin(
      plainText(text)
        .trim()
        .replace(/\n\s*\n\s*/g, '\n\n'),
      max,
    ) || '–';
  return {
    type: 'rich_text',
    elements: [{ type: 'rich_text_section', elements: [bold(`${title}\n`), { type: 'text', text: shown }] }],
  };
}

/** Bold text, followed by plain text. */
export function emphasis(strong: string, rest = ''): Block {
  const elements = [
    bold(escapeWithin(strong, 1000)),
    ...(rest === '' ? [] : [{ type: 'text' as const, text: escapeWithin(rest, 1500) }]),
  ];
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}

export function list(title: string, items: readonly string[], maxItem: number): Block {
  return {
    type: 'rich_text',
    elements: [
      { type: 'rich_text_section', elements: [bold(title)] },
      {
        type: 'rich_text_list',
        style: 'bullet',
        elements: items.map((item) => ({
          type: 'rich_text_section',
          elements: [{ type: 'text', text: escapeWithin(oneLine(item), maxItem) || '–' }],
        })),
      },
    ],
  };
}

export function preformatted(text: string, max: number): Block {
  return {
    type: 'rich_text',
    elements: [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: escapeWithin(text, max) || ' ' }] }],
  };
}

/** A link to one of our own pages. */
export function link(text: string, url: string): Block {
  return {
    type: 'rich_text',
    elements: [{ type: 'rich_text_section', elements: [{ type: 'link', url, text }] }],
  };
}

export function context(items: readonly string[]): Block {
  return {
    type: 'context',
    elements: items.slice(0, SLACK_LIMITS.contextElements).map((item) => plain(item, CONTEXT_LIMIT)),
  };
}

function bold(text: string): RichText {
  return { type: 'text', text, style: { bold: true } };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
