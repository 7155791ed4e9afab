/** Names of things as they may be shown: of containers, services, projects, images and variables. */
import { createHash } from 'node:crypto';
import { findSecrets } from './find.ts';
import { findLiterals } from './literals.ts';
import { mergeSpans } from './spans.ts';

/** Sixteen bits tell the hidden names of one host apart, and are too few to try a guess at the secret on. */
const MARK_LENGTH = 4;
/** No engine allows longer ones; labels may hold anything. */
const LONGEST_NAME = 4096;

/** Most names: listings are read every few seconds, and need no search. A key has a longer run of letters and digits. */
const PLAIN = /^[\w./:@-]{1,255}$/;
const LONG_RUN = /[A-Za-z\d]{14}|[@:][^@:]*[@:]|@(?!sha256:)/;

/**
 * The name with a placeholder for each secret in it. The placeholder of a secret is always the same, so that a name
 * can be a metric's label and be compared with what was stored before. Look things up by the name itself, never by
 * this one.
 */
export function presentableName(name: string, secrets: readonly string[] = []): string {
  if (secrets.length === 0 && PLAIN.test(name) && !LONG_RUN.test(name)) return name;
  const text = name.slice(0, LONGEST_NAME);
  const spans = [...findSecrets(text, { personal: false }), ...findLiterals(text, secrets)];
  if (spans.length === 0) return text;
  let shown = '';
  let from = 0;
  for (const { start, end } of mergeSpans(text, spans)) {
    shown += `${text.slice(from, start)}‹secret-${markOf(text.slice(start, end))}›`;
    from = end;
  }
  return shown + text.slice(from);
}

function markOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, MARK_LENGTH);
}
