/** Converts the value of a key in a JSON log line to a level. */
import {
  DEBUG,
  ERROR,
  FATAL,
  INFO,
  levelOfLetter,
  levelOfNumber,
  levelOfOtelNumber,
  levelOfPythonNumber,
  levelOfSyslog,
  levelOfWord,
  NO_LEVEL,
  TRACE,
  WARN,
} from './levels.ts';

/** Converts a value as written (without quotes) to a level; NO_LEVEL if it is not a level. */
export type Scale = (value: string, quoted: boolean) => number;

function levelOfText(value: string): number {
  if (value.length === 1) return levelOfLetter(value.toUpperCase().charCodeAt(0));
  return levelOfWord(value) || levelOfWord(value.toLowerCase().trim());
}

function wordOr(levelOf: (value: number) => number): Scale {
  return (value, quoted) => {
    const rank = quoted ? levelOfText(value) : NO_LEVEL;
    return rank !== NO_LEVEL || value === '' ? rank : levelOf(Number(value));
  };
}

/** Below 10 the key alone does not determine the scale. */
const wordOrNumber = wordOr(levelOfNumber);
const wordOrSyslog = wordOr((value) => (value < 8 ? levelOfSyslog(value) : levelOfNumber(value)));
/** Nextcloud and ownCloud: 0 debug, 1 info, 2 warning, 3 error, 4 fatal. */
const nextcloud = wordOr((value) => [DEBUG, INFO, WARN, ERROR, FATAL][value] ?? NO_LEVEL);
/** Microsoft.Extensions.Logging: 0 trace … 5 critical, 6 none. */
const dotnet = wordOr((value) => [TRACE, DEBUG, INFO, WARN, ERROR, FATAL][value] ?? NO_LEVEL);
const syslog: Scale = (value) => levelOfSyslog(Number(value));
const python: Scale = (value) => levelOfPythonNumber(Number(value));
const otel: Scale = (value) => levelOfOtelNumber(Number(value));

const WORD_KEYS = [
  'level',
  'lvl',
  'severity',
  'Level',
  'LEVEL',
  'Severity',
  'SEVERITY',
  'levelname',
  'level_name',
  'levelName',
  'log.level',
  'loglevel',
  'log_level',
  'logLevel',
  'severityText',
  'severity_text',
  'SeverityText',
  '@l',
  '@level',
  'levelStr',
];

export const LEVEL_KEYS: ReadonlyMap<string, Scale> = new Map<string, Scale>([
  ...WORD_KEYS.map((key): [string, Scale] => [key, wordOrNumber]),
  ['LogLevel', dotnet],
  ['syslog.severity', wordOrSyslog],
  ['syslog_severity', wordOrSyslog],
  ['levelno', python],
  ['severityNumber', otel],
  ['severity_number', otel],
  ['SeverityNumber', otel],
  ['PRIORITY', syslog],
]);

/** Keys of GELF and of syslog daemons that write JSON. */
const SYSLOG_NEIGHBOURS = /"(?:short_message|facility|syslog_facility|_?syslog_identifier|priority|procid)" ?:/i;
const NEXTCLOUD_NEIGHBOURS = /"reqId" ?:/;
/** Characters of a line that are searched for neighbouring keys. */
const NEIGHBOURHOOD = 4_096;

/** Returns the scale of a level below 10, which the neighbouring keys determine; undefined if they do not. */
export function scaleOfSmallNumber(text: string): Scale | undefined {
  const near = text.length > NEIGHBOURHOOD ? text.slice(0, NEIGHBOURHOOD) : text;
  if (SYSLOG_NEIGHBOURS.test(near)) return wordOrSyslog;
  return NEXTCLOUD_NEIGHBOURS.test(near) ? nextcloud : undefined;
}
