/** The building blocks of the corpus. */
export const join = (...parts: string[]) => parts.join('');
export const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
export const alnum = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
export const hexDigits = '0123456789abcdef';

/** Returns `length` characters, the same for the same seed: not a real key, but with the form of one. */
export function chars(alphabet: string, length: number, seed = 1): string {
  let state = seed * 2654435761;
  let out = '';
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out += alphabet[(state >>> 8) % alphabet.length];
  }
  return out;
}
export const base64url = (text: string) => Buffer.from(text).toString('base64url');
export const basic = (text: string) => Buffer.from(text).toString('base64');
export const jwt = join(
  base64url('{"alg":"HS256","typ":"JWT"}'),
  '.',
  base64url('{"sub":"1234567890"}'),
  '.',
  chars(alnum, 43),
);
export const pw = join('hun', 'ter2', '!x');

export interface SecretLine {
  readonly what: string;
  readonly line: string;
  /** Must not be in the redacted line. */
  readonly secret: string;
  /** Must still be in the redacted line. */
  readonly keeps?: string;
}

export const s = (what: string, secret: string, line: (secret: string) => string, keeps?: string): SecretLine => ({
  what,
  secret,
  line: line(secret),
  keeps,
});
