/** The labels of a container as they may be stored and shown. */
import { findSecrets } from '../redact/find.ts';
import { isSecretName } from '../redact/names.ts';
import { presentableName } from '../redact/presentable-name.ts';

/** Our own settings, which are needed unchanged. */
const OURS = /^container-doctor\./;
/** Labels by which Compose identifies the container. */
const NAMES = /^com\.docker\.compose\.(?:project|service|container-number|oneoff|config-hash)$/;

/** Replaces a value that is not kept. The label's name is kept: a policy rule may match it. */
export const HIDDEN_VALUE = '‹hidden›';

const MAX_VALUE_LENGTH = 64;
/** Words, versions, paths and globs, without the characters of e-mail addresses, hashes, credentials and code. */
const PLAIN_VALUE = /^[\p{L}\p{M}\d_ .,/:*-]*$/u;
/** Long words with digits are ids or keys, and so are very long words of letters alone. */
const RANDOM_WORD = /(?=[A-Za-z_-]*\d)[\w-]{16,}|[A-Za-z]{24,}/;
/** A value with one of these words may be a secret or describe one. */
const SECRET_WORD = /passw|passphrase|secret|token|credential|api.?key|private.?key|dsn/i;

/**
 * Returns the labels as they may be stored and shown. Container labels can hold proxy passwords, tokens and e-mail
 * addresses. Policy rules may match any label (`team=payments`), so values of unknown labels are kept only if their form
 * rules out a secret.
 */
export function presentableLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      name,
      NAMES.test(name) ? presentableName(value) : OURS.test(name) || isPlain(name, value) ? value : HIDDEN_VALUE,
    ]),
  );
}

function isPlain(name: string, value: string): boolean {
  return (
    !isSecretName(name) &&
    value.length <= MAX_VALUE_LENGTH &&
    PLAIN_VALUE.test(value) &&
    !RANDOM_WORD.test(value) &&
    !SECRET_WORD.test(value) &&
    findSecrets(value, { personal: false }).length === 0
  );
}
