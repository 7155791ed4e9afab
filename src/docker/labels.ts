import { presentableName } from '../redact/presentable-name.ts';
import { isSecretName, mentionsSecret } from './secret-names.ts';

/** Our own settings: they are needed as they are. */
const OURS = /^container-doctor\./;
/** What compose says of the container: names. */
const NAMES = /^com\.docker\.compose\.(?:project|service|container-number|oneoff|config-hash)$/;

/** What stands for a value that is not kept. The name is: a policy rule may ask for it. */
export const HIDDEN_VALUE = '‹hidden›';

const LONGEST_VALUE = 64;
/** Words, versions, paths and globs: no sign that only addresses, hashes, credentials and code have. */
const PLAIN_VALUE = /^[\p{L}\p{M}\d_ .,/:*-]*$/u;
/** Longer words with digits in them are ids or keys; so is a run this long of letters alone. */
const RANDOM_WORD = /(?=[A-Za-z_-]*\d)[\w-]{16,}|[A-Za-z]{24,}/;

/**
 * The labels as the agent may know, store and show them. Container labels hold passwords of proxies, tokens
 * and e-mail addresses; of those that are not ours only what cannot be a secret by its form is kept, since
 * rules of the policy file may ask for any label (`team=payments`).
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
    value.length <= LONGEST_VALUE &&
    PLAIN_VALUE.test(value) &&
    !RANDOM_WORD.test(value) &&
    !mentionsSecret(value)
  );
}
