/** A part of a text, in most cases a secret: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Placeholders as `hide` writes them. The number of digits is limited, because a log can contain a forged one. */
const PLACEHOLDER = /‹secret:(\d{1,6})›/g;

/** The number of each secret, so that equal secrets get equal numbers in several calls. */
export interface Numbers {
  readonly of: Map<string, number>;
  last: number;
}

export function createNumbers(): Numbers {
  return { of: new Map(), last: 0 };
}

/** Above this, all secrets are forgotten and get new numbers, so that the map does not grow without limit. */
const MAX_NUMBERS = 100_000;

/**
 * Replaces the spans of `document` with numbered placeholders, and returns the text of each piece. A span over several
 * pieces leaves its placeholder in each of them.
 *
 * Equal secrets get equal numbers, in order of appearance. New numbers are above those already in the document, so that
 * text that was redacted before stays unambiguous.
 */
export function hide(
  document: string,
  pieces: readonly Span[],
  spans: readonly Span[],
  numbers: Numbers = createNumbers(),
): { readonly texts: string[]; readonly redactions: number } {
  const merged = mergeSpans(document, spans);
  if (numbers.of.size > MAX_NUMBERS) numbers.of.clear();
  for (const match of document.matchAll(PLACEHOLDER)) numbers.last = Math.max(numbers.last, Number(match[1]));

  const texts: string[] = [];
  let first = 0;
  for (const piece of pieces) {
    while (first < merged.length && (merged[first] as Span).end <= piece.start) first++;
    let shown = '';
    let from = piece.start;
    for (let i = first; i < merged.length; i++) {
      const span = merged[i] as Span;
      if (span.start >= piece.end) break;
      const secret = document.slice(span.start, span.end);
      let number = numbers.of.get(secret);
      if (number === undefined) {
        numbers.last += 1;
        number = numbers.last;
        numbers.of.set(secret, number);
      }
      shown += `${document.slice(from, Math.max(from, span.start))}‹secret:${number}›`;
      from = Math.min(span.end, piece.end);
    }
    texts.push(shown + document.slice(from, piece.end));
  }
  return { texts, redactions: merged.length };
}

/** Sorts the spans, merges those that overlap, and drops those that are placeholders already. */
export function mergeSpans(document: string, spans: readonly Span[]): Span[] {
  const merged: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (span.end <= span.start) continue;
    const previous = merged.at(-1);
    if (previous && span.start < previous.end) previous.end = Math.max(previous.end, span.end);
    else merged.push({ ...span });
  }
  return merged.filter((span) => !isPlaceholder(document.slice(span.start, span.end)));
}

function isPlaceholder(text: string): boolean {
  return /^(?:‹secret:\d{1,6}›)+$/.test(text);
}
