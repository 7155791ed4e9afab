/**
 * Recognises exits of processes that a supervisor inside the container reports (s6, supervisord, runit, pm2, foreman).
 * The container keeps running, so nothing else reports them.
 */

/** Exits with a code other than 0. Codes 130 (SIGINT) and 143 (SIGTERM) are excluded in isSupervisedExit. */
const EXITED =
  /\bexited(?: with)?(?: (?:exit )?(?:code|status))?[ :=]{0,2}[[(]?(?:exit (?:code|status) )?([1-9]\d{0,2})\b(?!\.\d)/;
const EXITED_BY_NAME = /\bexited: \S+ \(exit status ([1-9]\d{0,2})\b/;
const STOPPED_WITH_CODE = /\bstopped \((?:rc|code|status)=([1-9]\d{0,2})\)/;
const KILLED = /\bexited: \S+ \(terminated by (?!SIG(?:TERM|INT|QUIT)\b)\w+/;
const GAVE_UP =
  /\bentered FATAL state\b|\btoo many (?:start retries|unstable restarts)\b|\bapp crashed\b|\bcrashed - waiting\b|\bunable to (?:start|exec|spawn) \S+: |\bscripts? exited non-?zero\b|\bcan't find command\b/;
/** What identifies a supervisor: its own messages, or the column that it puts before the lines of its processes. */
const SUPERVISOR =
  /\[(?:cont-init|fix-attrs|services|cont-finish)(?:\.d)?\]|^(?:cont-init|s6-\w+|legacy-\w+|rc\.\w+|\/\S*s6\S*|runsv|runsvdir|chpst|tini|dumb-init|nodemon)\b|^\[nodemon\]|\bPM2\b|^(?:\d\d:\d\d:\d\d )?[\w.-]+ *\| |^\[\d+\] /;

/**
 * Whether the message reports that a process in the container failed. `supervised`: the line is known to have a
 * supervisor's own format, such as supervisord's.
 */
export function isSupervisedExit(message: string, supervised = false): boolean {
  const text = message.length > 400 ? message.slice(0, 400) : message;
  if (!supervised && !SUPERVISOR.test(text)) return false;
  if (KILLED.test(text) || GAVE_UP.test(text)) return true;
  const match = EXITED.exec(text) ?? EXITED_BY_NAME.exec(text) ?? STOPPED_WITH_CODE.exec(text);
  return match !== null && match[1] !== '143' && match[1] !== '130' && !/; expected\)/.test(text);
}

/** Whether the message at `at` begins like an exit that supervisord reports. Costs one or two comparisons. */
export function mayBeSupervisord(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code === 0x65 && text.startsWith('exited: ', at)) || (code === 0x67 && text.startsWith('gave up: ', at));
}
