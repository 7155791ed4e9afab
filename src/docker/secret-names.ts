/** The one classifier of names, and a coarse check of values, for what the engine says of containers. */
import { findSecrets } from '../redact/find.ts';

export { isSecretName } from '../redact/names.ts';

const WORDS = /passw|passphrase|secret|token|credential|api.?key|private.?key|dsn/i;

/** Whether a label's value holds a secret or speaks of one: then it is not shown. */
export function mentionsSecret(value: string): boolean {
  return WORDS.test(value) || findSecrets(value, { personal: false }).length > 0;
}
