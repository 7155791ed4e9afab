/** Finds the parts of our messages that Slack would reject or interpret. */
import { RICH_TEXT_LIMIT, SLACK_LIMITS } from '../../../src/notifiers/slack/blocks.ts';

const BLOCKS = new Set(['header', 'section', 'rich_text', 'context', 'divider']);
const ELEMENTS = new Set([
  'plain_text',
  'mrkdwn',
  'text',
  'rich_text_section',
  'link',
  'rich_text_preformatted',
  'rich_text_list',
]);

interface Node {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly [key: string]: unknown;
}

/** Returns an empty list if the message is within the limits and contains no active markup. */
// biome-ignore lint/suspicious/noExplicitAny: a message as it came over the wire
export function problemsOf(message: any): string[] {
  const problems: string[] = [];
  let total = 0;
  const check = (ok: boolean, problem: string) => {
    if (!ok) problems.push(problem);
  };
  check(message.mrkdwn === false && message.parse === 'none' && message.link_names === false, 'the text is parsed');
  check(message.unfurl_links === false && message.unfurl_media === false, 'links are unfurled');
  checkText({ type: 'fallback', text: message.text });
  const blocks: readonly Node[] = message.blocks ?? [];
  check(blocks.length <= SLACK_LIMITS.blocks, `${blocks.length} blocks`);

  for (const block of blocks) {
    check(BLOCKS.has(String(block.type)), `a block of type ${block.type}`);
    const { fields = [], elements = [] } = block as { fields?: readonly Node[]; elements?: readonly Node[] };
    check(fields.length <= SLACK_LIMITS.fields, `${fields.length} fields`);
    if (block.type === 'context') check(elements.length <= SLACK_LIMITS.contextElements, 'a long context');
    if (block.type === 'header') {
      check(String((block.text as Node).text).length <= SLACK_LIMITS.header, 'a long header');
      visit(block.text);
    }
    for (const field of fields) check(String(field.text).length <= SLACK_LIMITS.field, 'a long field');
    visit(fields);
    visit(elements);
  }
  check(total <= 13_000, `${total} characters`);
  return problems;

  function visit(value: unknown): void {
    if (Array.isArray(value)) for (const inner of value) visit(inner);
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return;
    const node = value as Node;
    if ('type' in node) check(ELEMENTS.has(String(node.type)), `an element of type ${node.type}`);
    if (typeof node.text === 'string') checkText(node);
    for (const inner of Object.values(node)) visit(inner);
  }

  function checkText({ type, text }: Node): void {
    const shown = String(text);
    total += shown.length;
    check(shown.length > 0 && shown.length <= RICH_TEXT_LIMIT, `a text of ${shown.length} characters`);
    check(shown.isWellFormed(), 'an unpaired surrogate');
    check(!/[<>]|&(?!(?:amp|lt|gt);)/.test(shown), `active markup: ${shown.slice(0, 80)}`);
    check(!/(?![\n\t])\p{Cc}|\p{Cf}/u.test(shown), 'invisible characters');
    if (type === 'mrkdwn') check(/^\*[A-Z][a-z ]+\*$/.test(shown), `foreign formatting: ${shown.slice(0, 80)}`);
  }
}
