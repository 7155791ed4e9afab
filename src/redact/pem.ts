/** Finds blocks of keys: PEM, OpenPGP and PuTTY. */
import type { Span } from './spans.ts';

/** Characters. A 16,384-bit RSA key has about 13,000, plus escaped line ends and log prefixes. */
const LONGEST_BLOCK = 64 * 1024;
const BEGIN_OR_END = /-----(BEGIN|END) [A-Z0-9 ]{1,60}-----/g;

/**
 * Finds whole blocks: over several lines, also with a log prefix on each, or on one line with escaped line ends. A
 * block without an end (the log was cut) includes the following lines that look like its body, and a block without a
 * beginning the preceding ones.
 */
export function findKeyBlocks(text: string): KeyBlocks {
  const hidden = findPuttyBlocks(text);
  const shown: Span[] = [];
  if (!text.includes('-----')) return { hidden, shown };
  const marks = [...text.matchAll(BEGIN_OR_END)];
  for (let i = 0; i < marks.length; i++) {
    const mark = marks[i] as RegExpExecArray;
    const start = mark.index;
    const end = start + mark[0].length;
    const spans = PUBLIC.test(mark[0]) ? shown : hidden;
    if (mark[1] === 'END') {
      spans.push({ start: bodyAbove(text, (marks[i - 1]?.index ?? -1) + 1, start), end });
      continue;
    }
    const next = marks[i + 1];
    if (next?.[1] === 'END' && next.index - start <= LONGEST_BLOCK) {
      spans.push({ start, end: next.index + next[0].length });
      i++;
    } else {
      spans.push({ start, end: bodyBelow(text, end, next?.index ?? text.length) });
    }
  }
  return { hidden, shown };
}

/** Blocks that are not secret. A diagnosis may need them: they show why a certificate was rejected. */
const PUBLIC = /CERTIFICATE|PUBLIC KEY|SIGNATURE|X509 CRL|DH PARAMETERS|PGP MESSAGE/;

interface KeyBlocks {
  readonly hidden: Span[];
  /** Public keys and certificates: their bodies look random. */
  readonly shown: Span[];
}

/** A key of 16,384 bits has fewer. */
const MOST_PUTTY_LINES = 160;

/** The private lines of a PuTTY key file. */
function findPuttyBlocks(text: string): Span[] {
  if (!text.includes('Private-Lines:')) return [];
  return [...text.matchAll(/^[^\n]{0,200}Private-Lines: (\d{1,4})[^\n]{0,10}\n/gm)].map((match) => {
    const start = match.index + match[0].length;
    let end = start;
    for (let i = Math.min(Number(match[1]), MOST_PUTTY_LINES); i > 0 && end < text.length; i--)
      end = lineEnd(text, end + 1, text.length);
    const mac = /^\n[^\n]{0,200}Private-MAC:[^\n]{1,200}/.exec(text.slice(end, end + 420));
    return { start, end: end + (mac?.[0].length ?? 0) };
  });
}

/** A line of a body: base64 at its end, after any log prefix, or a header of the block. */
const BODY_LINE =
  /(?:^|[\s|:>])[A-Za-z0-9+/]{16,}={0,2}(?:\\r)?(?:\\n)?["',]{0,2}$|^(?:Proc-Type|DEK-Info|Version|Comment):/;

function bodyBelow(text: string, from: number, limit: number): number {
  // The rest of the BEGIN line: a body with escaped line ends.
  let end = lineEnd(text, from, limit);
  let blank = 0;
  while (end < limit && end - from < LONGEST_BLOCK) {
    const next = lineEnd(text, end + 1, limit);
    const line = text.slice(end + 1, next).trimEnd();
    if (line === '') blank += 1;
    // A line of prose ends the body. A single blank line follows the headers of an encrypted block.
    if (line === '' ? blank > 1 : !BODY_LINE.test(line.slice(-200))) break;
    end = next;
  }
  return end;
}

function bodyAbove(text: string, floor: number, to: number): number {
  const above = text.slice(Math.max(floor, to - LONGEST_BLOCK), to);
  let start = above.lastIndexOf('\n') + 1;
  while (start > 1) {
    const previous = above.lastIndexOf('\n', start - 2) + 1;
    if (
      !BODY_LINE.test(
        above
          .slice(previous, start - 1)
          .trimEnd()
          .slice(-200),
      )
    )
      break;
    start = previous;
  }
  return to - above.length + start;
}

function lineEnd(text: string, from: number, limit: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 || end > limit ? limit : end;
}
