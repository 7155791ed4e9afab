/** Decides whether the value after a name is a secret, or a word about one, as in `token expired`. */
import { textInBase64 } from './base64.ts';
import { isDigest } from './harmless.ts';
import { isMask } from './masks.ts';
import { isSecretName, type Secrecy } from './names.ts';
import { isRandom, looksLikeKey } from './random.ts';

export interface Candidate {
  readonly value: string;
  readonly quoted: boolean;
  readonly secrecy: Secrecy;
  /** `:` (also `：`) occurs in prose, too; `=` and the like do not. */
  readonly separator: ':' | '=' | ' ';
  /** Up to 40 characters after the value. */
  readonly after: string;
  /** The value is within brackets, or an entry of a list. */
  readonly nested?: boolean;
}

/** Words in the position of a value that are not secret. */
const NO_VALUES = new Set(
  `null none nil undefined true false yes no on off empty unset set not_set missing required incorrect invalid valid
  wrong expired revoked rejected denied accepted ok redacted hidden masked filtered removed protected changed
  unchanged reset updated string str text bytes number int integer object array bool boolean char varchar secret password
  token value default disabled enabled authentication failed failure error mismatch must cannot is was for the a an not
  and or may has too should unknown anonymous sha256 sha512 sha1 md5 bearer basic jwt oauth oauth2 scram-sha-256 trust peer
  string! option optional any never void kerberos ldap saml oidc plain gssapi already n/a na tbd todo private public`.split(
    /\s+/,
  ),
);

export const PLAIN_WORD = /^[a-z]{1,19}$/;
const PATH = /^(?:file:\/\/)?(?:\/|\.{1,2}\/|~\/|[A-Za-z]:[\\/]|[a-z]{1,20}\/)[\w./\\@-]*$/;
const SYSTEM_PATH = /^\/(?:run|etc|var|opt|home|root|usr|app|mnt|srv|tmp|secrets|vault|config|data)\/[\w./-]{1,200}$/;
/** The seed phrase of a wallet: 12 to 24 words. */
const MNEMONIC = /^(?:[a-z]{3,8}[ ,]){11,23}[a-z]{3,8}$/;
const EXACT_VERSION = /^[<>=~^]{0,2}v?\d{1,4}(?:\.\d{1,4}){2}$/;
const VERSION = /^(?:[<>=~^]{1,2} ?)?v?\d{1,5}(?:[.:]\d+)+/;
/** Words and short numbers that are joined by punctuation: an ordinary name. */
const WORDY = /^[A-Za-z][a-z]*(?:[-_./: ][A-Za-z]?[a-z]*\d{0,6}){0,12}$/;

export function isSecretValue({ value, quoted, secrecy, separator, after, nested = false }: Candidate): boolean {
  const bare = value.trim();
  // A short value without letters and digits is a separator.
  if (!/[\p{L}\p{N}]/u.test(bare) && bare.length < 8) return false;
  if (isMask(bare) || isNoValue(bare) || SYSTEM_PATH.test(bare)) return false;
  if (isMessage(bare) || isNameOfSecret(bare) || (!quoted && isCode(bare))) return false;
  if (EXACT_VERSION.test(bare) || isDigest(bare)) return false;
  if (secrecy === 'certain')
    return nested ? !/\s/.test(bare) || /^(?:\S, ){3,200}\S$/.test(bare) : !isProse(bare, quoted, separator, after);
  if (PATH.test(bare) || VERSION.test(bare)) return false;
  if (secrecy === 'possible') return looksLikeKey(bare, 20) && textInBase64(bare) === undefined;
  if (MNEMONIC.test(bare)) return true;
  if (bare.length < 6 || /^[+-]?[\d._:-]+$/.test(bare) || /^0x[\da-f]+$/i.test(bare) || WORDY.test(bare)) return false;
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(bare)) return false;
  // A session id of PostgreSQL: the start time and the process id.
  if (/^[\da-f]{8}\.[\da-f]{1,8}$/.test(bare)) return false;
  if (nested) return looksLikePassword(bare) || (bare.length >= 16 && isRandom(bare));
  if (quoted) return !/^[\p{L} _-]+$/u.test(bare) || bare.length >= 32;
  return looksRandom(bare) || /[^\w.,:;()-]/.test(bare);
}

/** A message of a validation instead of a value: "must be at least 8 characters". */
function isMessage(value: string): boolean {
  return (
    /\w \w/.test(value) &&
    /\b(?:must|required|invalid|too|short|long|least|characters?|cannot|can't|match|incorrect|wrong|field|be|is|was|not|should|contain|weak|expired|blank|missing|failed|please|your|been|may|has)\b/i.test(
      value,
    )
  );
}

/** `DB_PASSWORD`: the name of a variable that holds the secret. */
function isNameOfSecret(value: string): boolean {
  return /^[A-Z][A-Z\d]*(?:_[A-Z\d]+)+$/.test(value) && isSecretName(value);
}

const OBJECTS = new Set(
  `this self cls req request res response result config configuration cfg options opts params args kwargs props data user
  env settings ctx context event msg message body client conn connection state app module exports process os sys auth
  session account form input row record model obj object item entry source target parsed payload values fields`.split(
    /\s+/,
  ),
);

/** `config.password`, `msg.secretKey`: a property of an object with a usual name, or a property with a secret name. */
function isProperty(value: string): boolean {
  if (!/^[a-zA-Z_$]+(?:\.[a-zA-Z_$]+)+[;,)]?$/.test(value)) return false;
  const parts = value.replace(/[;,)]$/, '').split('.');
  return OBJECTS.has((parts[0] as string).toLowerCase()) || isSecretName(parts.at(-1) as string);
}

/** An expression of a program: `self.password`, `request.headers.get(name)`, `await`. */
function isCode(value: string): boolean {
  return (
    /^(?:this|self|cls|req|request|ctx|await|async|function|lambda|new|return|null|typeof|process\.env|os\.environ)(?:[.([\s]|$)/.test(
      value,
    ) ||
    // Objects as Java prints them: Token{a64f992, BinderProxy@2bd79ce.
    /^[\w.$]*[A-Z][\w$]*(?:@|\{)[\da-f]{4,16}(?!\w)/.test(value) ||
    isProperty(value) ||
    /^[a-z_$][\w$]*(?:\.[\w$]+)*\([^"'\d]*$/.test(value) ||
    /^[a-zA-Z_$][\w$]*(?:\.[a-zA-Z_$][\w$]*)+\(/.test(value)
  );
}

function isNoValue(value: string): boolean {
  return NO_VALUES.has(value.toLowerCase().replace(/[.,;:!]+$/, ''));
}

/** “password: must be …”: the value is a plain word, and another word follows it. */
function isProse(value: string, quoted: boolean, separator: ':' | '=' | ' ', after: string): boolean {
  return (
    separator === ':' &&
    !quoted &&
    (PLAIN_WORD.test(value.toLowerCase()) || /^[a-z]+[,.]$/i.test(value)) &&
    /^[ \t]+[A-Za-z]+(?![\w]*[=:])/.test(after)
  );
}

/** Whether the value has what words of prose lack: digits, mixed case or length. */
export function looksRandom(value: string): boolean {
  // `name=value` is judged as a separate pair.
  if (isMask(value) || value.length < 4 || /=[^=]/.test(value)) return false;
  return /\d/.test(value) || (/[a-z][A-Z]/.test(value) && value.length >= 12) || value.length >= 32;
}

/** For a word of prose: whether it mixes letters with digits or symbols as only a password does. */
export function looksLikePassword(value: string): boolean {
  // `name=value` is judged as a separate pair.
  if (value.length < 8 || value.length > 128 || /^[\w.-]+=/.test(value)) return false;
  if (isMask(value) || isNoValue(value)) return false;
  if (!/[A-Za-z]/.test(value) || PATH.test(value) || /^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$/.test(value)) return false;
  if (/^[A-Za-z]+(?:[-_./:][A-Za-z]+)*$/.test(value))
    return /[a-z][A-Z][a-z]+[A-Z]?/.test(value) && /[^A-Za-z]/.test(value);
  if (/[a-z]/.test(value) && /[A-Z]/.test(value) && /[!@#$%^&*]/.test(value)) return true;
  return (
    /\d/.test(value) &&
    !/^[a-z]+[-_.]?\d{1,4}$/.test(value) &&
    !/^v?\d+(?:\.\d+)+/.test(value) &&
    !/^[\d:.,TZ+-]+$/.test(value)
  );
}
