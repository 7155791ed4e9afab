/** Finds all secrets in a text, by their form or by their context. */
import { findUserinfo } from './addresses.ts';
import { isUserAndPassword, textInBase64 } from './base64.ts';
import { findArguments } from './commands.ts';
import { compose, createBuilder, type Decoded, decode } from './decode.ts';
import { findForms } from './forms.ts';
import { findHeaders } from './headers.ts';
import { findPairs } from './pairs.ts';
import { findKeyBlocks } from './pem.ts';
import { findEmails, findPersonal } from './personal.ts';
import type { Span } from './spans.ts';
import { findStatements } from './statements.ts';
import { findStructures } from './structures.ts';
import { findRandomTokens } from './tokens.ts';

interface FindOptions {
  /** Also find card numbers, IBANs, phone numbers and IP addresses. */
  readonly personal: boolean;
}

/** Levels of escapes that are resolved: JSON in JSON in a query string has three. */
const DEEPEST = 3;

/**
 * Takes time linear in the length of the text: patterns begin with a fixed word or at the start of a run of token
 * characters, and repeat one class of characters at a time, most with an upper bound.
 */
export function findSecrets(text: string, options: FindOptions): Span[] {
  const spans = findPlain(text, options);
  let view: Decoded | undefined = decodeLines(text);
  for (let depth = 0; depth < DEEPEST && view !== undefined; depth++) {
    for (const { start, end } of findPlain(view.text, options))
      spans.push({ start: view.origin(start), end: view.origin(end) });
    const next = decode(view.text);
    view = next === undefined ? undefined : compose(view, next);
  }
  return spans;
}

function findPlain(text: string, options: FindOptions): Span[] {
  const blocks = findKeyBlocks(text);
  const userinfo = findUserinfo(text);
  // `…-token:secret@host` is also a pair, but the URL shows more exactly where the secret ends.
  const starts = new Set(userinfo.map((span) => span.start));
  const tokens = findRandomTokens(text, (token) => {
    const inside = textInBase64(token);
    if (inside === undefined) return undefined;
    return (
      isUserAndPassword(inside) ||
      findPairs(inside).length > 0 ||
      findUserinfo(inside).length > 0 ||
      findForms(inside).length > 0
    );
  });
  const forms = findForms(text);
  const isInPublicBlock = (span: Span): boolean =>
    blocks.shown.some(({ start, end }) => start <= span.start && span.end <= end);
  return [
    ...blocks.hidden,
    ...forms,
    ...userinfo,
    ...findHeaders(text),
    ...findPairs(text).filter((span) => !starts.has(span.start)),
    ...findStructures(text),
    ...findStatements(text),
    ...findArguments(text),
    // A known form within the token shows more exactly where the secret begins: ci-ghp_…
    ...tokens.filter(
      (span) => !isInPublicBlock(span) && !forms.some(({ start }) => span.start < start && start < span.end),
    ),
    ...findEmails(text, userinfo),
    ...(options.personal ? findPersonal(text) : []),
  ];
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: it must match them
const HAS_ESCAPE = /[%&\\\u001b]|#033|\^\[/;

/** Returns the lines that have escapes, decoded; undefined if there are none. */
function decodeLines(text: string): Decoded | undefined {
  if (!HAS_ESCAPE.test(text)) return undefined;
  const lines = createBuilder();
  for (let from = 0; from < text.length; ) {
    const next = text.indexOf('\n', from);
    const end = next === -1 ? text.length : next + 1;
    if (HAS_ESCAPE.test(text.slice(from, end))) lines.copy(text, from, end);
    from = end;
  }
  const kept = lines.done(text.length);
  const decoded = decode(kept.text);
  return decoded === undefined ? undefined : compose(kept, decoded);
}
