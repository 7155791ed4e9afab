/** Hides secrets in the names of containers, services, projects, images and variables. */
import { createHash } from 'node:crypto';
import { findSecrets } from './find.ts';
import { findLiterals } from './literals.ts';
import { mergeSpans } from './spans.ts';

/** Hexadecimal digits. 16 bits distinguish the secrets of one host, and are too few to confirm a guess at a secret. */
const MARK_LENGTH = 4;
/** Characters. No engine allows longer names, but a label can have any length. */
const LONGEST_NAME = 4096;

/**
 * A name that matches PLAIN and not LONG_RUN is not searched: that is most names, and they are read every few seconds.
 * Every key has a long run of letters and digits.
 */
const PLAIN = /^[\w./:@-]{1,255}$/;
const LONG_RUN = /[A-Za-z\d]{14}|[@:][^@:]*[@:]|@(?!sha256:)/;

/**
 * Replaces each secret in a name with a placeholder. The placeholder of a secret is always the same, so that the result
 * can be a metric label and be compared with stored names. Never look anything up in the engine by the result.
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
