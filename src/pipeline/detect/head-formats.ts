/** The head of a log line, and the formats that have their level in a fixed place. */
import { isDigit, skipSeparators } from './chars.ts';
import { DEBUG, ERROR, INFO, levelOfLetter, levelOfSyslog, levelOfWord, NO_LEVEL, TRACE, WARN } from './levels.ts';
import { timestampEnd } from './timestamp.ts';

export interface Head {
  /** NO_LEVEL (0) if the line has none. */
  level: number;
  /** The head has a timestamp. */
  timed: boolean;
  /** Index at which the message begins; the start of the line if it has no head. */
  bodyAt: number;
  /** The message begins with `{`: JSON after a text head. */
  json: boolean;
  /** .NET's console format: the message follows on indented lines. */
  hanging: boolean;
  /** PostgreSQL's DETAIL, HINT, STATEMENT …: the line belongs to the message above it. */
  companion: boolean;
  /** Only a level word and a colon, without a timestamp: `SEVERE: …`. */
  bare: boolean;
  /** What the level was read from, for `scan --explain`; '' if there is no level. */
  rule: string;
}

export function emptyHead(): Head {
  return {
    level: NO_LEVEL,
    timed: false,
    bodyAt: 0,
    json: false,
    hanging: false,
    companion: false,
    bare: false,
    rule: '',
  };
}

/** klog and glog. CockroachDB's format also has the year, and no bracket. */
const KLOG =
  /^[IWEFD](?:\d{4} (?:\d\d:?\d\d:?\d\d)(?:\.\d+)? +(?:\d+ +)?[^\]\s]+:\d+\] ?|\d{6} \d\d:\d\d:\d\d\.\d+ +\d+ )/;
const REDIS = /^(?:\d+:[A-Z]|\[\d+\]) \d\d? [A-Z][a-z]{2} (?:\d{4} )?\d\d:\d\d:\d\d\.\d+ ([.\-*#]) /;
const RAILS = /^[DIWEFA], \[[^\]]*\] +([A-Z]+) -- [^:]*: ?/;
const SYSLOG_PRIORITY = /^<(\d{1,3})>(?:1 )?/;
const LOGRUS = /^(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d+\] ?/;
const ERLANG_REPORT = /^=(ERROR|CRASH|SUPERVISOR|WARNING|INFO|PROGRESS|NOTICE) REPORT====/;

/** supervisord. It logs ordinary notices of its start as CRIT, so that level is not used and the text decides. */
const SUPERVISORD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (CRIT|BLAT) (?=\S)/;
const JVM_WARNING = /^[A-Z][\w()]* [\w.() -]{0,50}?VM warning: /;
const PHP_LEVEL = /^PHP (Warning|Notice|Deprecated|Strict Standards): +/;
/** Node's own warnings. An unhandled rejection is more than a warning. */
const NODE_WARNING =
  /^\(node:\d+\) (?:\[\w+\] )?(?!UnhandledPromiseRejection(?!Warning: Unhandled promise rejection\. This error ))\w*Warning: /;
const PACKAGE_MANAGER = /^(?:npm|pnpm|yarn|lerna) (ERR!|error|WARN|warn|notice|info|verb|http|sill) /;
const PACKAGE_MANAGER_LEVELS: Readonly<Record<string, number>> = {
  'ERR!': ERROR,
  error: ERROR,
  WARN,
  warn: WARN,
  notice: INFO,
  info: INFO,
  verb: DEBUG,
  http: DEBUG,
  sill: TRACE,
};

/** Whether the line is an error of a package manager (`npm ERR! …`); consecutive ones are one message. */
export function isPackageManagerError(text: string): boolean {
  const match = PACKAGE_MANAGER.exec(text);
  return match !== null && PACKAGE_MANAGER_LEVELS[match[1] as string] === ERROR;
}

function setLevel(level: number, bodyAt: number, into: Head, rule: string): true {
  into.rule = rule;
  into.level = level;
  into.bodyAt = bodyAt;
  return true;
}

/** Reads the label that some programs use instead of a head. */
function readLabel(text: string, code: number, into: Head): boolean {
  if (code === 0x50) {
    const match = PHP_LEVEL.exec(text);
    if (match !== null) return setLevel(match[1] === 'Warning' ? WARN : INFO, match[0].length, into, 'PHP label');
  }
  if (code === 0x4f || code === 0x4a || code === 0x45) {
    const match = JVM_WARNING.exec(text);
    if (match !== null) return setLevel(WARN, match[0].length, into, 'Java VM label');
  }
  if (code === 0x28) {
    const match = NODE_WARNING.exec(text);
    if (match !== null) return setLevel(WARN, match[0].length, into, 'Node.js label');
  }
  if (code === 0x6e || code === 0x70 || code === 0x79 || code === 0x6c) {
    const match = PACKAGE_MANAGER.exec(text);
    if (match !== null) {
      return setLevel(
        PACKAGE_MANAGER_LEVELS[match[1] as string] as number,
        match[0].length,
        into,
        'package manager label',
      );
    }
  }
  return false;
}

/** Reads a head that has its level in a fixed place. Returns false if the line has none; `into` is then unchanged. */
export function readFixedFormat(text: string, from: number, into: Head): boolean {
  const code = text.charCodeAt(from);
  if (from !== 0) return false;
  if (code === 0x3c) {
    const match = SYSLOG_PRIORITY.exec(text);
    if (match !== null && Number(match[1]) <= 191) {
      into.rule = 'syslog priority';
      into.level = levelOfSyslog(Number(match[1]) & 7);
      into.bodyAt = match[0].length;
      const end = timestampEnd(text, into.bodyAt);
      into.timed = end !== -1;
      if (end !== -1) into.bodyAt = skipSeparators(text, end, text.length);
      return true;
    }
    return false;
  }
  if (code === 0x3d) {
    const match = ERLANG_REPORT.exec(text);
    if (match === null) return false;
    const word = match[1] as string;
    into.rule = 'Erlang report type';
    into.level =
      word === 'WARNING' ? WARN : word === 'ERROR' || word === 'CRASH' || word === 'SUPERVISOR' ? ERROR : INFO;
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  if (isDigit(code) || (code === 0x5b && isDigit(text.charCodeAt(from + 1)))) {
    const supervisord = text.charCodeAt(23) === 0x20 ? SUPERVISORD.exec(text) : null;
    if (supervisord !== null) {
      into.timed = true;
      return setLevel(supervisord[1] === 'CRIT' ? NO_LEVEL : TRACE, supervisord[0].length, into, 'supervisord level');
    }
    const match = /^(?:\d+:[A-Z]|\[\d+\]) /.test(text) ? REDIS.exec(text) : null;
    if (match === null) return false;
    // Redis has no level above its warning (`#`), so the text decides there.
    const mark = match[1];
    into.rule = 'Redis mark';
    into.level = mark === '*' ? INFO : mark === '-' ? DEBUG : mark === '.' ? TRACE : NO_LEVEL;
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  if (readLabel(text, code, into)) return true;
  const second = text.charCodeAt(from + 1);
  if (isDigit(second) && levelOfLetter(code) !== NO_LEVEL) {
    const match = KLOG.exec(text);
    if (match === null) return false;
    into.rule = 'klog letter';
    into.level = levelOfLetter(code);
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  if (second === 0x2c) {
    const match = RAILS.exec(text);
    if (match === null) return false;
    into.rule = 'Ruby logger level';
    into.level = levelOfWord(match[1] as string);
    if (into.level === NO_LEVEL) into.level = levelOfLetter(code);
    into.timed = true;
    into.bodyAt = match[0].length;
    return true;
  }
  const match = text.charCodeAt(from + 4) === 0x5b ? LOGRUS.exec(text) : null;
  if (match === null) return false;
  into.rule = 'logrus code';
  into.level = levelOfLetter(code);
  into.timed = true;
  into.bodyAt = match[0].length;
  return true;
}
