/** What of a message is shown as its patterns. */

const LOOKED_AT = 2_048;

/** The article's keywords and what people look for, wherever they stand: shown beside a trouble, never a proof. */
const SHOWN =
  /\b(?:errors?|exception|traceback|fail(?:ed|ure)|fatal|panic(?:ked)?|segmentation fault|sigsegv|out of memory|outofmemoryerror|oom|killed|connection (?:refused|reset|timed out)|econnrefused|time(?:d )?out|permission denied|access denied|no such file|no space left|too many open files|crash(?:ed)?|deadlock|unavailable|unreachable|corrupt(?:ed)?|abort(?:ed)?|exhausted)\b/gi;

/** Each once, in lower case, at most eight. */
export function shownWords(text: string): string[] {
  const found = new Set<string>();
  const matches = (text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text).match(SHOWN);
  if (matches !== null) {
    for (const word of matches) {
      found.add(word.toLowerCase());
      if (found.size === 8) break;
    }
  }
  return [...found];
}
