/** Status codes of access logs. */
import { isStatus } from './stems.ts';

const METHOD = '(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE|PROPFIND|REPORT)';

/** Each form has one group, its status. */
const FORMS = new RegExp(
  [
    // Common log format and its relatives; chi has the client between request and status.
    String.raw`"${METHOD} [^"]*"? (?:HTTP\/[\d.]+" )?(?:from \S+ - )?(\d{3})\b`,
    // morgan's dev, Sinatra, plain servers
    String.raw`\b${METHOD} \/\S* (?:HTTP\/[\d.]+ )?(?:- )?(\d{3})\b`,
    String.raw`\bHTTP\/[\d.]+"? (\d{3})\b`,
    // Gitea, Rocket, and others that name the answer in words
    String.raw`\b${METHOD} \/\S*.{0,80}?(?:=>|->|→|,|:|\b(?:returned|responded(?: with)?|status)) ?(\d{3}) [A-Z]`,
    // logfmt, lograge
    String.raw`\b(?:http_?)?status(?:_?code)?[=:] ?"?(\d{3})\b`,
    // Rails, .NET
    String.raw`\bCompleted (\d{3}) `,
    String.raw`\bRequest finished [^"]{0,400}? - (\d{3}) `,
    // GIN, Fiber, Iris
    String.raw`(?:^|\| {0,4})(\d{3}) {0,4}\|`,
    // nginx-proxy-manager
    String.raw`(?:^|\] )(?:[A-Z-]+ )?(?:- )?(?:\d{3} )?(\d{3}) - ${METHOD} `,
    // HAProxy: timers, then the status
    String.raw`[ /]-?\d+\/-?\d+\/-?\d+\/\+?\d+ (\d{3}) `,
    // JSON: Traefik, Caddy, pino-http, nginx, echo
    String.raw`"(?:DownstreamStatus|OriginStatus|(?:http_?|response_?)?[sS]tatus(?:_?[cC]ode)?)" ?: ?"?(\d{3})\b`,
  ].join('|'),
);

const REQUEST = new RegExp(
  String.raw`\b${METHOD}\b["' |]|HTTP\/\d|"(?:RequestMethod|req|request|method|uri|path|url)" ?:|\bCompleted \d{3} |\bmethod=`,
);

/** Returns the status in a line of an access log, 100 to 599; 0 if there is none. */
export function statusOf(text: string): number {
  const match = FORMS.exec(text);
  if (match === null) return 0;
  for (let group = 1; group < match.length; group++) {
    if (match[group] !== undefined) {
      const code = Number(match[group]);
      return code >= 100 && code < 600 ? code : 0;
    }
  }
  return 0;
}

export function namesRequest(text: string): boolean {
  return REQUEST.test(text);
}

/** Whether the line belongs to an access log. */
export function isAccessLine(text: string): boolean {
  return namesRequest(text) && statusOf(text) !== 0;
}

/** A fast check: whether the line has a number from 500 to 599 where a status could be. */
export function mayBeFiveHundred(text: string): boolean {
  for (let at = text.indexOf('5'); at !== -1; at = text.indexOf('5', at + 1)) {
    if (isStatus(text, at)) return true;
  }
  return false;
}
