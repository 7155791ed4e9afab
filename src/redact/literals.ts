import type { Span } from './spans.ts';

/** Shorter values are common words and numbers (`5432`, `dev`): hiding them would make the log unreadable. */
const SHORTEST = 4;
/** Shorter values are hidden only as whole words: not `root` within `rootCause`. */
const WHOLE_WORD_BELOW = 8;
const COMMON = new Set(['true', 'false', 'null', 'none', 'undefined', 'enabled', 'disabled', 'default']);

/** Finds the given values, as they are or encoded as JSON, for a URL, or as base64. */
export function findLiterals(text: string, secrets: readonly string[]): Span[] {
  const spans: Span[] = [];
  for (const form of forms(secrets)) {
    const wholeWord = form.length < WHOLE_WORD_BELOW;
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + form.length)) {
      const end = at + form.length;
      if (wholeWord && (isWordCharacter(text[at - 1]) || isWordCharacter(text[end]))) continue;
      spans.push({ start: at, end });
    }
  }
  return spans;
}

function forms(secrets: readonly string[]): Set<string> {
  const all = new Set<string>();
  for (const secret of secrets) {
    const value = secret.trim();
    if (value.length < SHORTEST || COMMON.has(value.toLowerCase())) continue;
    all.add(value);
    all.add(JSON.stringify(value).slice(1, -1));
    all.add(encodeURIComponent(value.toWellFormed()));
    if (value.length < WHOLE_WORD_BELOW) continue;
    all.add(Buffer.from(value).toString('base64').replace(/=+$/, ''));
    // A key of several lines may be printed with a prefix on each.
    for (const line of value.split(/\r?\n/)) if (line.trim().length >= 16) all.add(line.trim());
  }
  return all;
}

function isWordCharacter(char: string | undefined): boolean {
  return char !== undefined && /[A-Za-z0-9_]/.test(char);
}
