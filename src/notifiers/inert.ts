/**
 * Text for services whose markup we do not know: Alertmanager and Apprise pass it on to chats, mails and pagers. Each
 * character that starts markup or a mention in one of them is replaced by one that looks similar and means nothing.
 */
import { plainText } from '../lib/text.ts';

const LOOK_ALIKES: Readonly<Record<string, string>> = {
  '<': '‹',
  '>': '›',
  '&': '＆',
  '*': '∗',
  '`': 'ˋ',
  '~': '∼',
  '|': '∣',
  '[': '［',
  ']': '］',
  '\\': '⧵',
};

/** Makes text from logs or models inert: no mention, no link, no formatting, no template. Line breaks stay. */
export function inert(text: string): string {
  return (
    plainText(text)
      .replace(/[<>&*`~|[\]\\]/g, (char) => LOOK_ALIKES[char] ?? char)
      // Templates of Go, Jinja and Mustache.
      .replace(/\{(?=[{%])/g, '{ ')
      .replace(/(?<=[}%])\}/g, ' }')
      // Links. The address stays readable.
      .replaceAll('://', ':⁄⁄')
      .replace(/\b(www)\./gi, '$1․')
      .replace(/\b(mailto|tel|javascript|data):/gi, '$1：')
      // Mentions, but not the middle of a mail address.
      .replace(/(?<![\p{L}\p{N}])@/gu, '＠')
      // Emphasis. A single underscore within a name is none.
      .replace(/_{2,}|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, (run) => run.replaceAll('_', '＿'))
      // Headings and lists of Markdown. Not `\s*`: on many empty lines, its time would grow with their square.
      .replace(/^([^\S\n]*)#/gm, '$1＃')
      .replace(/^([^\S\n]*)([-+])(?=\s)/gm, '$1–')
      .replace(/^([^\S\n]*)([-=])\2{2,}[^\S\n]*$/gm, '$1———')
  );
}

/** The same, on one line of at most `max` characters. */
export function inertLine(text: string, max: number): string {
  const line = inert(text).replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : cut(line, max);
}

/** Cuts an inert text, which stays inert. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text;
  const start = text.slice(0, Math.max(0, max - 1));
  return `${start.replace(/[\uD800-\uDBFF]$/, '').replace(/_+$/, '')}…`;
}
