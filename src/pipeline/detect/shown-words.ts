/** What of a message is shown as its patterns. */

const LOOKED_AT = 2_048;
const MAX_WORDS = 8;

/** The article's keywords and what people look for, wherever they stand: shown beside a trouble, never a proof. */
const SHOWN =
  /\b(?:errors?|exception|traceback|fail(?:ed|ure)|fatal|panic(?:ked)?|segmentation fault|sigsegv|out of memory|outofmemoryerror|oom|killed|connection (?:refused|reset|timed out)|econnrefused|time(?:d )?out|permission denied|access denied|no such file|no space left|too many open files|crash(?:ed)?|deadlock|unavailable|unreachable|corrupt(?:ed)?|abort(?:ed)?|exhausted)\b/gi;

/** Adds those in the text to `patterns`: each once, in lower case, at most eight. */
export function addShownWords(text: string, patterns: string[]): void {
  const most = patterns.length + MAX_WORDS;
  const matches = (text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text).match(SHOWN);
  if (matches === null) return;
  for (const match of matches) {
    const word = match.toLowerCase();
    if (!patterns.includes(word)) patterns.push(word);
    if (patterns.length === most) return;
  }
}
