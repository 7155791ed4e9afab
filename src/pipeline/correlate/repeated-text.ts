/**
 * Recognises that a client prints the message that its server printed: a query that the server cancelled, a part of a
 * table that it refused. Takes time linear in the texts.
 */
import { readablePart } from './failure-texts.ts';

/** Fewer words, or shorter ones, also occur in unrelated messages. */
const WORDS = 6;
const CHARS = 30;
/** Frames and headings of stack traces are the same in unrelated programs. */
const NOT_A_MESSAGE = /^\s*(?:at |File "|Traceback|Caused by: *$|\.\.\. \d+ more|Stack trace|goroutine \d|#\d+ )/;

/** Whether a message of one text occurs in the other: at least six words in a row, and thirty characters. */
export function repeats(texts: readonly string[], others: readonly string[]): boolean {
  const known = new Set(others.flatMap((text) => phrasesOf(text)));
  return known.size > 0 && texts.some((text) => phrasesOf(text).some((phrase) => known.has(phrase)));
}

function phrasesOf(text: string): readonly string[] {
  return readablePart(text)
    .split('\n')
    .filter((line) => !NOT_A_MESSAGE.test(line))
    .flatMap((line) => {
      // Without what quoting changes. Times and levels stand before the message, and are no words.
      const words =
        line
          .toLowerCase()
          .replace(/[\\"'`]/g, '')
          .match(/[a-z_][a-z0-9_.-]*|\d+/g) ?? [];
      const phrases: string[] = [];
      for (let at = 0; at + WORDS <= words.length; at++) {
        const run = words.slice(at, at + WORDS);
        const phrase = run.join(' ');
        if (phrase.length >= CHARS && run.filter((word) => /[a-z]{2}/.test(word)).length >= WORDS - 1)
          phrases.push(phrase);
      }
      return phrases;
    });
}
