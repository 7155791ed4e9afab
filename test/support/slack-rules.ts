/**
 * Slack's documented rules for messages, as a schema: what it does not accept, Slack answers with `invalid_blocks`.
 * Sources: docs.slack.dev/reference/block-kit (blocks, block elements, composition objects), chat.postMessage.
 */
import { z } from 'zod';

/** Not a documented limit: Slack rejects a message whose blocks have more text than this together. */
const MAX_TOTAL = 13_000;

const plain = (max: number) =>
  z.strictObject({
    type: z.literal('plain_text'),
    text: z.string().min(1).max(max),
    emoji: z.boolean().optional(),
  });
const mrkdwn = (max: number) =>
  z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(max), verbatim: z.boolean().optional() });
const text = (max: number) => z.discriminatedUnion('type', [plain(max), mrkdwn(max)]);

const confirm = z.strictObject({
  title: plain(100),
  text: text(300),
  confirm: plain(30),
  deny: plain(30),
  style: z.enum(['primary', 'danger']).optional(),
});

const option = z.strictObject({ text: plain(75), value: z.string().min(1).max(150) });

const actionId = z.string().min(1).max(255);
const button = z.strictObject({
  type: z.literal('button'),
  text: plain(75),
  action_id: actionId,
  value: z.string().max(2000).optional(),
  url: z.url().max(3000).optional(),
  style: z.enum(['primary', 'danger']).optional(),
  confirm: confirm.optional(),
  accessibility_label: z.string().max(75).optional(),
});
const select = z.strictObject({
  type: z.literal('static_select'),
  placeholder: plain(150),
  action_id: actionId,
  options: z.array(option).min(1).max(100),
  confirm: confirm.optional(),
});

const richText = z.strictObject({
  type: z.literal('text'),
  text: z.string().min(1),
  style: z.strictObject({ bold: z.boolean().optional(), italic: z.boolean().optional() }).optional(),
});
const richUser = z.strictObject({ type: z.literal('user'), user_id: z.string().regex(/^[UW][A-Z0-9]{7,}$/) });
const richSection = z.strictObject({
  type: z.literal('rich_text_section'),
  elements: z.array(z.discriminatedUnion('type', [richText, richUser])),
});
const richElement = z.discriminatedUnion('type', [
  richSection,
  z.strictObject({ type: z.literal('rich_text_preformatted'), elements: z.array(richText) }),
  z.strictObject({
    type: z.literal('rich_text_list'),
    style: z.enum(['bullet', 'ordered']),
    elements: z.array(richSection),
  }),
]);

const blockId = z.string().min(1).max(255).optional();
const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('header'), text: plain(150), block_id: blockId }),
  z.strictObject({
    type: z.literal('section'),
    text: text(3000).optional(),
    fields: z.array(text(2000)).min(1).max(10).optional(),
    block_id: blockId,
  }),
  z.strictObject({ type: z.literal('rich_text'), elements: z.array(richElement).min(1), block_id: blockId }),
  z.strictObject({ type: z.literal('context'), elements: z.array(text(3000)).min(1).max(10), block_id: blockId }),
  z.strictObject({
    type: z.literal('actions'),
    elements: z
      .array(z.discriminatedUnion('type', [button, select]))
      .min(1)
      .max(25),
    block_id: blockId,
  }),
  z.strictObject({ type: z.literal('divider'), block_id: blockId }),
]);

const blocks = z
  .array(block)
  .min(1)
  .max(50)
  .superRefine((all, context) => {
    const ids = all.flatMap(({ block_id }) => block_id ?? []);
    if (new Set(ids).size < ids.length) context.addIssue('a block_id is used twice');
    for (const each of all) {
      if (each.type === 'section' && !each.text && !each.fields) context.addIssue('a section without text or fields');
      if (each.type !== 'actions') continue;
      const actionIds = each.elements.map(({ action_id }) => action_id);
      if (new Set(actionIds).size < actionIds.length) context.addIssue('an action_id is used twice in a block');
    }
    if (JSON.stringify(all).length > 2 * MAX_TOTAL || lengthOf(all) > MAX_TOTAL) context.addIssue('too much text');
  });

function lengthOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, inner) => sum + lengthOf(inner), 0);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce(
    (sum, [key, inner]) => sum + (key === 'text' && typeof inner === 'string' ? inner.length : lengthOf(inner)),
    0,
  );
}

/** What the blocks of a message break, as Slack's `response_metadata.messages` has it; empty if Slack accepts them. */
export function brokenRules(given: unknown): readonly string[] {
  // An empty list removes the blocks of a message.
  if (Array.isArray(given) && given.length === 0) return [];
  const parsed = blocks.safeParse(given);
  if (parsed.success) return [];
  return parsed.error.issues.map(({ path, message }) => `[ERROR] ${message} [json-pointer:/blocks/${path.join('/')}]`);
}

/** The arguments of the methods that a bot with `chat:write` uses here. Slack ignores unknown ones; a test must not. */
export const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  'auth.test': [],
  'apps.connections.open': [],
  'chat.postMessage': [
    'channel',
    'text',
    'blocks',
    'thread_ts',
    'reply_broadcast',
    'mrkdwn',
    'parse',
    'link_names',
    'unfurl_links',
    'unfurl_media',
  ],
  'chat.update': ['channel', 'ts', 'text', 'blocks', 'parse', 'link_names'],
  'chat.postEphemeral': ['channel', 'user', 'text', 'blocks', 'thread_ts', 'parse', 'link_names'],
};
