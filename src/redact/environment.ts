/** Finds the secrets in an environment variable: its whole value, or parts of it. */
import { findUserinfo } from './addresses.ts';
import { findSecrets } from './find.ts';
import { isSecretValue } from './judge.ts';
import { secrecyOf, wordsOf } from './names.ts';

/**
 * Returns the value if its name says that it is secret or if it has credentials in a URL, and the passwords, tokens and
 * keys within it, both as written and with their percent encoding resolved.
 */
export function secretsOfVariable(name: string, value: string): readonly string[] {
  const found = new Set<string>();
  if (isSecretVariable(name, value)) found.add(value);
  // Programs also print a URL or connection string with a password as a whole.
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
