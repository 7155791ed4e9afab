/** Prefixes that a supervisor, a worker or a logger repeats on each line of what it prints. */
import { isDigit, isSpace } from './chars.ts';

/** `web.1  | `, `(worker pid=104) `, `[worker-1] `, `api-2: `, `app[web.1]: `. */
const PREFIX =
  /^(?:[\w.@/-]{1,40} *\| ?|\([^()]{1,60}\) ?|\[[^[\]]{1,60}\]:? ?|[\w.-]{1,40}(?:\[[\w.]{1,20}\]): ?|[a-z][\w.-]{0,40}: )/;

/** Where the text behind the repeated prefix of an unheaded line begins; 0 where there is no prefix. */
export function prefixEnd(text: string): number {
  return PREFIX.exec(text)?.[0].length ?? 0;
}

/** Where the text behind a head begins with its own indentation: one blank separates it from the head. */
export function indentedBodyAt(text: string, bodyAt: number): number {
  let at = bodyAt;
  while (at > 0 && isSpace(text.charCodeAt(at - 1))) at--;
  return at < bodyAt ? at + 1 : bodyAt;
}

/** Whether two prefixes are equal but for their numbers (times, ids). */
export function samePrefix(a: string, aEnd: number, b: string, bEnd: number): boolean {
  let i = 0;
  let j = 0;
  while (i < aEnd && j < bEnd) {
    const code = a.charCodeAt(i);
    const other = b.charCodeAt(j);
    if (isDigit(code) && isDigit(other)) {
      while (i < aEnd && isDigit(a.charCodeAt(i))) i++;
      while (j < bEnd && isDigit(b.charCodeAt(j))) j++;
    } else if (code === other) {
      i++;
      j++;
    } else return false;
  }
  return i === aEnd && j === bEnd;
}
