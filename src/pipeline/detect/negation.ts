/** Decides whether an error word is negated, counted as zero, a setting, or part of a name. */

/** Words shortly before a match that negate it, or mark it as handled, possible or a question. */
const NEGATION =
  /(?:\b(?:no|not|without|zero|never|none|any|0|if|unless|whether|in case(?: of)?|ignor(?:e|ed|es|ing)|suppress(?:ed|ing)?|recover(?:ed|ing)?|resolved|fixed|cleared|handled|avoid(?:s|ed|ing)?|prevent(?:s|ed|ing)?|free of|on|upon|until|for|simulat\w+|test(?:s|ing)?|expect(?:s|ed)?|example|previous|last|retry on|show|log|report|catch|enable[ds]?|disable[ds]?|max|number of|return(?:s)? an?)(?!\w)|isn't|wasn't|didn't|doesn't|hasn't|n't)(?!\w)\s*(?:\w+ )?$|[=/.]$/i;
/** Text after a match that negates it: `errors: 0`, `failed=false`. */
const NEGATION_AFTER =
  /^\s*(?:[:=]|count\s*[:=]?|s?\(s\)\s*[:=]?|rate\s*[:=]?|is|was|were)?\s*"?(?:0+(?:\.0+)?%?\b(?!\.\d)|none\b|null\b|nil\b|false\b|no\b|undefined\b|\[\]|\{\}|""|''|<nil>|<none>|ok\b|disabled\b|off\b)/i;
/** Words after a match that make it part of a name: an error page, a failure detector, a timeout setting. */
const NAMES =
  /^(?:[_-]?(?:handl\w+|logs?\b|logging|logger|pages?\b|rates?\b|reporting|reporter|report\b|budget|counts?\b|counters?\b|templates?\b|levels?\b|codes?\b(?! -?[1-9])|middleware|track\w+|boundar\w+|recovery|correction|metrics?\b|thresholds?\b|streams?\b|channels?\b|output\b|interceptors?|filters?\b|class(?:es)?\b|types?\b|detect\w+|monitor\w*|mapp\w+|formatter|listeners?|hooks?\b|callbacks?|policy|policies|strategy|over\b|tolerance|tolerant|injection|mode\b|documents?\b|retries|retry|limits?\b|alerts?\b|notifications?\b|queue\b|topic\b|guards?\b|killers?\b|protection|prevention|watcher))/i;

/** The word within a match that a negation would precede. */
const KEY =
  /err|fail|excep|crash|panic|abort|corrupt|lost|terminat|exit|can(?:not|'t)|could|unable|too many|exhaust|quota/i;

export function isNegated(text: string, match: RegExpExecArray): boolean {
  const found = match[0];
  const start = match.index + Math.max(0, found.search(KEY));
  const end = match.index + found.length;
  if (start > 0 && NEGATION.test(text.slice(Math.max(0, start - 32), start))) return true;
  const rest = text.slice(end, end + 32);
  if (NEGATION_AFTER.test(rest)) return true;
  // The word after a verb (`cannot open`) is its object and does not make it part of a name.
  if (!/\w\s*$/.test(found) || /\b(?:can(?:not|'t)|could ?n(?:ot|'t)|unable to) \w+$/i.test(found)) return false;
  return (
    NAMES.test(rest.trimStart()) ||
    (/time(?:d )?out$/i.test(found) && /^\s*(?:[:=(]|is\b|set\b|to\b|was set|value|\d)/.test(rest))
  );
}
