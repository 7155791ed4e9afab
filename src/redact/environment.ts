/** What of an environment variable is secret: the whole value, or parts of it. */
import { findUserinfo } from './addresses.ts';
import { findSecrets } from './find.ts';
import { isSecretValue } from './judge.ts';
import { secrecyOf, wordsOf } from './names.ts';

/**
 * The value where the name says that it is secret; and the passwords, tokens and keys within it: of a connection
 * string, of the user part of an address, of a query string. Each as written and, where it has escapes, as meant.
 */
export function secretsOfVariable(name: string, value: string): readonly string[] {
  const found = new Set<string>();
  if (isSecretVariable(name, value)) found.add(value);
  // An address that holds a password: programs print it whole, too.
  if (findUserinfo(value).length > 0) found.add(value);
  for (const { start, end } of findSecrets(value, { personal: false })) {
    const part = value.slice(start, end);
    found.add(part);
    found.add(decodeLeniently(part));
  }
  return [...found];
}

function isSecretVariable(name: string, value: string): boolean {
  const secrecy = secrecyOf(name);
  if (secrecy === undefined) return false;
  if (secrecy === 'certain') return true;
  if (isSecretValue({ value, quoted: false, secrecy, separator: '=', after: '' })) return true;
  // REDIS_AUTH=letmein; not SESSION_DRIVER=database.
  return secrecy === 'likely' && !value.includes('/') && secrecyOf(wordsOf(name).at(-1) ?? '') !== undefined;
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
