/** A stretch of a text that must not be shown: `text.slice(start, end)`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Placeholders as `hide` writes them. The digits are few: a log could print one of its own. */
const PLACEHOLDER = /‹secret:(\d{1,6})›/g;

/** The number of each secret, so that equal secrets get equal numbers over several calls. */
export interface Numbers {
  readonly of: Map<string, number>;
  last: number;
}

export function createNumbers(): Numbers {
  return { of: new Map(), last: 0 };
}

/** Beyond it the numbers start anew: a map of secrets must not grow for ever. */
const MAX_NUMBERS = 100_000;

/**
 * Replaces the spans of `document` by numbered placeholders. Parts of spans that lie in the gaps between
 * `pieces` vanish; a span over several pieces leaves its placeholder in each.
 *
 * Equal secrets get equal numbers, counted in order of appearance, from above those already in the
 * document: text that was redacted before stays unambiguous.
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

/** Sorted and without overlaps. What is a placeholder already is left as it is. */
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

export function isPlaceholder(text: string): boolean {
  return /^(?:‹secret:\d{1,6}›)+$/.test(text);
}
