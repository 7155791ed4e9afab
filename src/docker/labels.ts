/** The labels of a container as they may be stored and shown. */
import { UNREAD_LABELS } from '../domain/containers.ts';
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

/** Characters of all names and values that are kept of a container. Containers with many labels have some 10,000. */
const MAX_CHARS = 65_536;
const MAX_LABELS = 500;
const MAX_NAME_LENGTH = 512;
/** One more than policies accept, so that a longer value is recognised as too long. */
const MAX_OWN_VALUE_LENGTH = 8_193;

/**
 * Returns the labels as they may be stored and shown. Container labels can hold proxy passwords, tokens and e-mail
 * addresses. Policy rules may match any label (`team=payments`), so values of unknown labels are kept only if their form
 * rules out a secret. Labels can have megabytes: if not all are kept, `UNREAD_LABELS` is added, which forbids restarts,
 * because a label that limits them may be among the others.
 */
export function presentableLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const kept: [string, string][] = [];
  let chars = 0;
  let complete = true;
  const names = Object.keys(labels);
  const [ours, ofCompose, others]: [string[], string[], string[]] = [[], [], []];
  for (const name of names) (OURS.test(name) ? ours : NAMES.test(name) ? ofCompose : others).push(name);
  for (const name of [...ours, ...ofCompose, ...others]) {
    const value = name.length > MAX_NAME_LENGTH ? undefined : presentableValue(name, labels[name] ?? '');
    chars += name.length + (value?.length ?? 0);
    if (kept.length >= MAX_LABELS || chars > MAX_CHARS) {
      complete = false;
      break;
    }
    if (value === undefined) complete = false;
    else kept.push([name, value]);
  }
  if (!complete) kept.push([UNREAD_LABELS, 'true']);
  return Object.fromEntries(kept);
}

function presentableValue(name: string, value: string): string {
  if (NAMES.test(name)) return presentableName(value.slice(0, MAX_NAME_LENGTH));
  if (OURS.test(name))
    return value.length <= MAX_OWN_VALUE_LENGTH ? value : copyOf(value.slice(0, MAX_OWN_VALUE_LENGTH));
  return isPlain(name, value) ? value : HIDDEN_VALUE;
}

/** A part of a string that does not keep the whole string in memory. */
function copyOf(text: string): string {
  return Buffer.from(text).toString();
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
