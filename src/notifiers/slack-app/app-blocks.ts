/** The parts of Block Kit that only an app can use, and those of `slack/blocks.ts`. */
import { type Block, escapeWithin, type PlainText, plain, type RichText } from '../slack/blocks.ts';

export interface Button {
  readonly type: 'button';
  readonly text: PlainText;
  /** Unique in a message. */
  readonly action_id: string;
  /** The opaque id of what is stored, and nothing else. */
  readonly value: string;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: {
    readonly title: PlainText;
    readonly text: PlainText;
    readonly confirm: PlainText;
    readonly deny: PlainText;
    readonly style?: 'danger';
  };
}

/** A person's name, without notifying the person when it is in an edited message. */
interface RichUser {
  readonly type: 'user';
  readonly user_id: string;
}

export type AppBlock =
  | Block
  | { readonly type: 'actions'; readonly block_id: string; readonly elements: readonly Button[] }
  | {
      readonly type: 'rich_text';
      readonly elements: readonly [
        { readonly type: 'rich_text_section'; readonly elements: readonly (RichText | RichUser)[] },
      ];
    };

const LIMITS = { button: 75, confirmTitle: 100, confirmText: 300, confirmButton: 30 } as const;

export function button(
  actionId: string,
  label: string,
  value: string,
  options: {
    readonly style?: 'primary' | 'danger';
    readonly confirm?: { title: string; text: string; yes: string };
  } = {},
): Button {
  const { style, confirm } = options;
  return {
    type: 'button',
    text: plain(label, LIMITS.button),
    action_id: actionId,
    value,
    ...(style && { style }),
    ...(confirm && {
      confirm: {
        title: plain(confirm.title, LIMITS.confirmTitle),
        text: plain(confirm.text, LIMITS.confirmText),
        confirm: plain(confirm.yes, LIMITS.confirmButton),
        deny: plain('Cancel', LIMITS.confirmButton),
        style: 'danger',
      },
    }),
  };
}

/** A row of buttons. `id` is unique in the message. */
export function actions(id: string, elements: readonly Button[]): AppBlock {
  return { type: 'actions', block_id: id, elements };
}

/** A sentence with a person in it. Only a user id of Slack is shown as a person; other text stays text. */
export function byPerson(before: string, who: string, after: string): AppBlock {
  return section([
    ...textOf(before),
    USER_ID.test(who) ? { type: 'user', user_id: who } : { type: 'text', text: escapeWithin(who, 80) || '–' },
    ...textOf(after),
  ]);
}

/** A text in which the words that `isPerson` accepts are shown as persons. */
export function sentence(text: string, isPerson: (word: string) => boolean): AppBlock {
  const parts = escapeWithin(text, 500).split(/\b([UW][A-Z0-9]{7,20})\b/);
  const elements = parts.map((part): RichText | RichUser =>
    USER_ID.test(part) && isPerson(part) ? { type: 'user', user_id: part } : { type: 'text', text: part },
  );
  return section(elements.filter((each) => each.type === 'user' || each.text !== ''));
}

const USER_ID = /^[UW][A-Z0-9]{7,20}$/;

function textOf(text: string): readonly RichText[] {
  return text === '' ? [] : [{ type: 'text', text: escapeWithin(text, 500) }];
}

function section(elements: readonly (RichText | RichUser)[]): AppBlock {
  return { type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] };
}
