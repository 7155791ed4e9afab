/**
 * Decides from a name whether its value is secret: for log keys, environment variables, JSON keys, XML attributes,
 * command-line options, headers and labels alike.
 */
import {
  COMPOUND_HEADS,
  FOREIGN_PASSWORDS,
  HARMLESS_ENDS,
  HARMLESS_KEYS,
  HARMLESS_TOKENS,
  ID_WORDS,
  KEY_QUALIFIERS,
  LIKELY_WORDS,
  NO_PASSWORDS,
  PASS_PREFIXES,
  POSSIBLE_WORDS,
  TOKEN_QUALIFIERS,
  TRANSPARENT_ENDS,
  VENDORS,
} from './name-words.ts';

/**
 * `certain`: every value is secret (`password`). `likely`: a value that looks like a key is secret (`token`).
 * `possible`: only a value that cannot be anything but a key is secret (`FASTLY_SERVER=8f3a…`).
 */
export type Secrecy = 'certain' | 'likely' | 'possible';

/** Characters. Only the end of a longer name is read. */
const LONGEST_NAME = 80;
/** A cheap check that rejects most names. */
const STEMS = new RegExp(
  `pass|pw|senha|wachtwoord|heslo|haslo|parola|sifre|sandi|jelszo|adgangskode|salasana|contrasena|secret|token|key|auth|cred|pat|salt|seed|mnemonic|otp|pin|nonce|cookie|sess|sid|sig|hmac|hook|dsn|bearer|psk|shared|jwt|sas|code|cvv|cvc|ssn|cert|phrase|admin|access|api|client|server|private|guard|licen|subscription|consumer|${VENDORS.join('|')}`,
  'i',
);
/** `PasswordForm.tsx:12` is a line of a source file. */
const SOURCE_FILE =
  /\.(?:[cm]?[jt]sx?|py|rb|go|rs|java|kt|php|cs|vue|scala|exs?|erl|c|cc|cpp|h|hpp|swift|sh|ya?ml|json|toml|xml|sql|html|css|pem|crt|class|jar|dll|so|log)$/i;
const ASCII = /^[\x20-\x7e]*$/;
/** Cyrillic and Greek letters that look like Latin ones: `раssword`. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  а: 'a',
  е: 'e',
  о: 'o',
  р: 'p',
  с: 'c',
  х: 'x',
  у: 'y',
  ѕ: 's',
  і: 'i',
  ј: 'j',
  к: 'k',
  т: 't',
  һ: 'h',
  ԁ: 'd',
  ԝ: 'w',
  ο: 'o',
  α: 'a',
  ι: 'i',
  κ: 'k',
  ν: 'v',
  ρ: 'p',
  τ: 't',
};

/** Returns undefined if the name says nothing about its value, or that it is not secret (`password_min_length`). */
export function secrecyOf(name: string): Secrecy | undefined {
  const secrecy = judge(name);
  return secrecy === 'none' ? undefined : secrecy;
}

function judge(name: string): Secrecy | 'none' | undefined {
  const short = name.length > LONGEST_NAME ? name.slice(-LONGEST_NAME) : name;
  if (ASCII.test(short)) return STEMS.test(short) ? classify(short) : undefined;
  const normal = short.normalize('NFKC');
  const lower = normal.toLowerCase();
  if (FOREIGN_PASSWORDS.test(lower)) return 'certain';
  const latin = [...normal].map((letter) => LOOK_ALIKES[letter] ?? letter).join('');
  return STEMS.test(latin) ? classify(latin) : undefined;
}

/** Whether a value with this name is secret, certainly or likely. */
export function isSecretName(name: string): boolean {
  const secrecy = secrecyOf(name);
  return secrecy === 'certain' || secrecy === 'likely';
}

/** Whether a value with this name is an identifier, a digest or the like, which may look random but is not secret. */
export function isIdName(name: string): boolean {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  return ID_WORDS.has(last) || (/^[\d]{1,2}$/.test(last) && ID_WORDS.has(words.at(-2) ?? ''));
}

/** `dbPassword2` → `db`, `password`. */
export function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z\d]+/)
    .map((word) => (/^[a-z]{3,}\d{1,2}$/.test(word) && word !== 'base64' ? word.replace(/\d+$/, '') : word))
    .filter((word) => word !== '');
}

function classify(name: string): Secrecy | 'none' | undefined {
  // Shells keep directories in these variables.
  if (/^(?:OLD)?PWD$/.test(name)) return undefined;
  if (SOURCE_FILE.test(name)) return undefined;
  let words = wordsOf(name);
  while (words.length > 1 && (TRANSPARENT_ENDS.has(words.at(-1) as string) || /^\d+$/.test(words.at(-1) as string)))
    words = words.slice(0, -1);
  const last = words.at(-1);
  if (last === undefined) return undefined;
  const before = words.at(-2);
  if (HARMLESS_ENDS.has(last)) {
    const idOfSecret = last === 'id' && (before === 'session' || before === 'sess' || before === 'secret');
    return idOfSecret ? 'likely' : undefined;
  }
  const found = ofWords(words, name);
  if (found !== undefined) return found;
  return words.length > 1 && (words.some((word) => POSSIBLE_WORDS.has(word)) || hasVendor(words))
    ? 'possible'
    : undefined;
}

function ofWords(words: readonly string[], name: string): Secrecy | 'none' | undefined {
  const last = words.at(-1) as string;
  const before = words.at(-2);
  // Only the last words count in a sentence that is written as one name: test_login_with_password_and_code.
  for (const word of /[a-z]/.test(name) ? words.slice(-3) : words) if (isPassword(word)) return 'certain';
  if (last === 'pass' || last === 'pw' || last === 'pwd')
    return before === undefined && last === 'pass' ? 'likely' : 'certain';
  if (/[a-z]{3}pass$/.test(last) && !NO_PASSWORDS.has(last)) return 'likely';
  if (last === 'passe' && (words.includes('mot') || words.includes('palavra'))) return 'certain';
  if (last === 'sandi' && before === 'kata') return 'certain';
  if (last === 'phrase' && before !== undefined)
    return before === 'search' || before === 'catch' ? undefined : 'certain';
  const head = COMPOUND_HEADS.find((candidate) => last.length > candidate.length && last.endsWith(candidate));
  if (head !== undefined) {
    const qualifier = last.slice(0, -head.length);
    // Not monkey, turkey, hockey.
    const known = head !== 'key' || endsInQualifier(qualifier) || hasVendor([qualifier]);
    const found = known ? compound(head, qualifier, before, name) : undefined;
    if (found !== undefined) return found;
  }
  const found = compound(last, before, words.at(-3), name);
  if (found !== undefined) return found;
  return LIKELY_WORDS.has(last) || (before !== undefined && LIKELY_WORDS.has(before)) ? 'likely' : undefined;
}

/** `api key`, `client secret`, `access token`, `recovery code`. */
function compound(
  head: string,
  qualifier: string | undefined,
  before: string | undefined,
  name: string,
): Secrecy | 'none' | undefined {
  switch (head) {
    case 'key':
    case 'keys':
      if (qualifier === undefined) return 'possible';
      if (KEY_QUALIFIERS.has(qualifier)) return 'certain';
      if (HARMLESS_KEYS.has(qualifier)) return 'none';
      // An environment variable or a header for a key: FASTLY_KEY, X-Functions-Key.
      return /^[A-Z\d_]+$/.test(name) || /^X-/i.test(name) || hasVendor([qualifier, before ?? ''])
        ? 'likely'
        : 'possible';
    case 'secret':
    case 'secrets':
      return qualifier === undefined || head === 'secrets' ? 'likely' : 'certain';
    case 'token':
      if (qualifier === undefined) return 'likely';
      if (HARMLESS_TOKENS.has(qualifier)) return 'none';
      return TOKEN_QUALIFIERS.has(qualifier) ? 'certain' : 'likely';
    case 'code':
    case 'codes':
      return qualifier !== undefined &&
        /^(?:recovery|backup|verification|auth|authorization|security|access|otp|mfa|2fa|scratch|pairing|device|login|reset|activation)$/.test(
          qualifier,
        )
        ? 'likely'
        : undefined;
    case 'cookie':
      return qualifier === 'erlang' ? 'certain' : 'likely';
    case 'auth':
      return qualifier === 'master' ? 'certain' : 'likely';
    default:
      return undefined;
  }
}

function isPassword(word: string): boolean {
  if (
    /passw(?:or)?d|passphrase|passcode|passwort|requirepass|masterauth|contrasena|wachtwoord|motdepasse|katasandi|adgangskode|salasana|^senhas?$|^haslo$|^heslo$|^parola$|^sifre$|^jelszo$/.test(
      word,
    )
  )
    return !/^passwordless$/.test(word);
  if (/pwd$/.test(word)) return word !== 'pwd' && word !== 'oldpwd';
  if (/pw$/.test(word)) return PASS_PREFIXES.has(word.slice(0, -2));
  if (/pass$/.test(word)) return PASS_PREFIXES.has(word.slice(0, -4));
  return false;
}

/** Of `travisapikey`, the word before `key` ends in the qualifier `api`. */
function endsInQualifier(word: string): boolean {
  for (let length = 3; length <= word.length; length++) if (KEY_QUALIFIERS.has(word.slice(-length))) return true;
  return false;
}

function hasVendor(words: readonly string[]): boolean {
  return words.some((word) => VENDORS.includes(word));
}
