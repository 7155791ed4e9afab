const SECRET_NAME = /passw(or)?d|passphrase|secret|token|credential|dsn|(api|access|private|signing|encryption)_?key/i;
/** Words that mean a secret only when they stand alone: MONKEY and AUTHOR are none. */
const SECRET_WORD = /(^|_)(pass|pwd|keys?|auth|pat|salt|webhook)(_|$)/i;
/** They hold directories, or where a secret lies. */
const NO_SECRET_NAME = /^(old)?pwd$|_(file|path|dir)$/i;

/** Whether what bears this name is likely to be secret. Other signs (in labels) separate words as `_` does. */
export function isSecretName(name: string): boolean {
  const words = name.replace(/\W/g, '_');
  return !NO_SECRET_NAME.test(words) && (SECRET_NAME.test(words) || SECRET_WORD.test(words));
}
