/**
 * Level words and numbers of the common loggers, on one scale.
 *
 * In this folder a level is a number, so that "at least WARN" is one comparison and a line without a level needs no
 * `undefined`.
 */
import { LEVELS, type Level } from '../../domain/incident.ts';

export const NO_LEVEL = 0;
export const TRACE = 1;
export const DEBUG = 2;
export const INFO = 3;
export const WARN = 4;
export const ERROR = 5;
export const FATAL = 6;

export function levelName(rank: number): Level | undefined {
  return LEVELS[rank - 1];
}

const WORDS: Readonly<Record<string, number>> = {
  trace: TRACE,
  trc: TRACE,
  trce: TRACE,
  finest: TRACE,
  finer: TRACE,
  silly: TRACE,
  debug: DEBUG,
  dbg: DEBUG,
  dbug: DEBUG,
  debg: DEBUG,
  fine: DEBUG,
  verbose: DEBUG,
  vrb: TRACE,
  config: DEBUG,
  info: INFO,
  inf: INFO,
  information: INFO,
  informational: INFO,
  notice: INFO,
  note: INFO,
  system: INFO,
  success: INFO,
  // Loggers that cut their level names to four or five characters.
  noti: INFO,
  notic: INFO,
  verbo: DEBUG,
  warn: WARN,
  warni: WARN,
  warning: WARN,
  wrn: WARN,
  error: ERROR,
  err: ERROR,
  erro: ERROR,
  eror: ERROR,
  severe: ERROR,
  fail: ERROR,
  fatal: FATAL,
  ftl: FATAL,
  fata: FATAL,
  crit: FATAL,
  criti: FATAL,
  critical: FATAL,
  emer: FATAL,
  emerg: FATAL,
  emergency: FATAL,
  alert: FATAL,
  panic: FATAL,
  pani: FATAL,
  dpanic: FATAL,
};

const BY_SPELLING = new Map<string, number>();
const UPPER = new Map<string, number>();
for (const [word, rank] of Object.entries(WORDS)) {
  const upper = word.toUpperCase();
  UPPER.set(upper, rank);
  BY_SPELLING.set(upper, rank).set(word, rank);
  BY_SPELLING.set(upper.charAt(0) + word.slice(1), rank);
}

/** Returns the level of a word in any usual spelling (`ERROR`, `error`, `Error`); NO_LEVEL if it is not a level. */
export function levelOfWord(word: string): number {
  return BY_SPELLING.get(word) ?? NO_LEVEL;
}

/** Like `levelOfWord`, but only for words in capitals. */
export function levelOfCapitals(word: string): number {
  return UPPER.get(word) ?? NO_LEVEL;
}

/** Returns the level of a letter that klog, Android, old MongoDB or Rails uses. */
export function levelOfLetter(code: number): number {
  switch (code) {
    case 0x49: // I
      return INFO;
    case 0x57: // W
      return WARN;
    case 0x45: // E
      return ERROR;
    case 0x46: // F
      return FATAL;
    case 0x44: // D
      return DEBUG;
    case 0x54: // T
    case 0x56: // V
      return TRACE;
    default:
      return NO_LEVEL;
  }
}

/** Returns the level of an RFC 5424 severity, 0 (emergency) to 7 (debug). */
export function levelOfSyslog(severity: number): number {
  if (severity <= 2) return FATAL;
  if (severity === 3) return ERROR;
  if (severity === 4) return WARN;
  return severity <= 6 ? INFO : DEBUG;
}

/**
 * Returns the level of a number of 10 and above: up to 69 pino and bunyan (10 trace … 60 fatal), from 100 Monolog (100
 * debug … 600 emergency). Smaller numbers mean different things to different programs: see `scaleOfSmallNumber` in
 * json-scales.ts.
 */
export function levelOfNumber(value: number): number {
  if (!(value >= 10)) return NO_LEVEL;
  if (value < 70) return Math.min(FATAL, Math.floor(value / 10));
  if (value < 100) return NO_LEVEL;
  if (value < 200) return DEBUG;
  if (value < 300) return INFO;
  if (value < 400) return WARN;
  if (value < 500) return ERROR;
  return value <= 600 ? FATAL : NO_LEVEL;
}

/** Returns the level of Python's `levelno`: 10 debug, 20 info, 30 warning, 40 error, 50 critical. */
export function levelOfPythonNumber(value: number): number {
  return value >= 10 && value < 60 ? Math.min(FATAL, Math.floor(value / 10) + 1) : NO_LEVEL;
}

/**
 * Returns the level of OpenTelemetry's SeverityNumber: 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24
 * fatal.
 */
export function levelOfOtelNumber(value: number): number {
  return value >= 1 && value <= 24 ? Math.ceil(value / 4) : NO_LEVEL;
}
