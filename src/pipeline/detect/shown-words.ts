/** Adds words from a record's text to the patterns that are shown with an error. */

/** Characters of a record that are examined. */
const EXAMINED_LENGTH = 2_048;
const MAX_WORDS = 8;

/** Keywords that users look for. They are shown with an error wherever they occur and are never evidence of one. */
const SHOWN =
  /\b(?:errors?|exception|traceback|fail(?:ed|ure)|fatal|panic(?:ked)?|segmentation fault|sigsegv|out of memory|outofmemoryerror|oom|killed|connection (?:refused|reset|timed out)|econnrefused|time(?:d )?out|permission denied|access denied|no such file|no space left|too many open files|crash(?:ed)?|deadlock|unavailable|unreachable|corrupt(?:ed)?|abort(?:ed)?|exhausted)\b/gi;

/** Adds the keywords in the text to `patterns`: each once, in lower case, at most eight. */
export function addShownWords(text: string, patterns: string[]): void {
  const most = patterns.length + MAX_WORDS;
  const matches = (text.length > EXAMINED_LENGTH ? text.slice(0, EXAMINED_LENGTH) : text).match(SHOWN);
  if (matches === null) return;
  for (const match of matches) {
    const word = match.toLowerCase();
    if (!patterns.includes(word)) patterns.push(word);
    if (patterns.length === most) return;
  }
}
