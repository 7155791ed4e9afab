/** Finds the hosts that the error of a client names. Takes time linear in the text. */
import { failureIn, readablePart } from './failure-texts.ts';

export interface NamedHost {
  /** Lower case, without a final dot: a name or an IPv4 address. */
  readonly host: string;
  readonly port?: number;
  /** The position leaves no doubt that it is a host: a URL, a lookup, an address with a port. */
  readonly certain: boolean;
}

const MAX_HOSTS = 16;
/** Linux assigns ports from here on to the connecting side: a connected peer with such a port is probably a client. */
const FIRST_CLIENT_PORT = 32_768;
/** Clients print the name server next to the name that was looked up. */
const DNS_PORT = 53;

const NAME = '[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?';
const DOTTED = '(?:[A-Za-z0-9_-]{1,63}\\.){1,10}[A-Za-z0-9-]{2,63}';
const IP = '(?:\\d{1,3}\\.){3}\\d{1,3}';

/** Positions in which clients print the host that they connect to. Each captures the host, and the port if printed. */
const CERTAIN: readonly RegExp[] = [
  new RegExp(`\\b[a-z][a-z0-9+.-]{1,20}://(?:[^\\s/@]{0,200}@)?(${NAME})(?::(\\d{1,5}))?`, 'gi'),
  new RegExp(`\\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME) ["']?(${NAME})`, 'g'),
  new RegExp(`\\b(?:E[A-Z]{6,12}|dial (?:tcp|udp)) (${NAME}):(\\d{1,5})(?!\\d)`, 'g'),
  new RegExp(
    `\\b(?:connect(?:ing|ion)?|reach|contact|dial)(?: to| with| host)? ["'(]?(${DOTTED})(?::(\\d{1,5})| port (\\d{1,5}))?`,
    'gi',
  ),
  new RegExp(`\\blookup ["']?(${NAME})["']?(?=[ :]|$)`, 'g'),
  new RegExp(
    `\\b(?:UnknownHostException:?|resolve host(?:name)?:?|translate host name|getaddrinfo for|resolving(?: host)?|unknown (?:MySQL server )?host:?|bad address|NXDOMAIN looking up|resolve:?) ["']?(${NAME})`,
    'gi',
  ),
  new RegExp(`\\bserver (?:at|on) ["'](${NAME})["'](?: \\([\\d.]+\\))?(?:, port (\\d{1,5}))?`, 'g'),
  new RegExp(
    `\\b(?:host|hostname|addr|address)\\s?=\\s?["']?(${NAME})["']?(?:,? ["']?port["']?\\s?[=:]\\s?(\\d{1,5})|:(\\d{1,5}))?`,
    'gi',
  ),
  new RegExp(`\\[?'?"?hostname"?'?: ["'](${NAME})["']`, 'gi'),
  new RegExp(`(?<![\\d.])(${IP}):(\\d{1,5})(?!\\d)`, 'g'),
  new RegExp(`\\('(${IP})', (\\d{1,5})\\)`, 'g'),
  new RegExp(`\\((${DOTTED}):(\\d{1,5})\\)`, 'g'),
];

/** Positions in which a name may be something else. It counts only if a container has this name. */
const POSSIBLE: readonly RegExp[] = [
  new RegExp(`(?<![\\w./-])(${NAME}):(\\d{2,5})(?!\\d)`, 'g'),
  new RegExp(`(?<![\\w./-])(${NAME})/(?:<unresolved>|${IP}):(\\d{2,5})(?!\\d)`, 'g'),
  new RegExp(
    `\\b(?:to|at|on|with|server|service|upstream|backend|address|host|broker|node|peer|reach|contact|calling) ["'(]?(?:the )?(${NAME})(?::(\\d{1,5})| port (\\d{1,5}))?`,
    'gi',
  ),
  new RegExp(`\\bname resolution:? ["'(]?(${NAME})`, 'gi'),
  new RegExp(`\\b(?:response|header|reading|read|answer|error) from ["'(]?(${NAME})`, 'gi'),
  new RegExp(
    `\\b(?:host|service|server|upstream|backend|target|dependency|peer\\.service|db\\.host)["']?\\s?[:=]\\s?["']?(${NAME})(?::(\\d{1,5}))?`,
    'gi',
  ),
  new RegExp(`\\bserver [\\w.-]{1,64}/(${NAME}) is down`, 'gi'),
  new RegExp(
    `(?:^|[\\s"'(\\[])(${NAME})(?: service| server)? (?:is |was |could )?(?:(?:temporarily )?unavailable|not be resolved|unreachable|not reachable|down|refused|timed out|returned 50\\d|responded with 50\\d)`,
    'gi',
  ),
  new RegExp(`(?<![\\d.])(${IP})(?![\\d.]|:\\d)`, 'g'),
];

const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0)$/;

/** `local->remote`, as Go prints connections: only the remote side is another host. */
const LOCAL_SIDE = /(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}:\d{1,5}->/g;
/** A link to an explanation. */
const LINK =
  /\b(?:see|docs?|documentation|more (?:info|information|details)|background(?: on this error)?|help|visit|refer to|read)\b:?(?: at| on)?:? https?:\/\/\S{1,300}/gi;

/** Frames of a stack trace: they name classes and files, not hosts. */
const FRAME = /^\s{0,20}(?:at |File ").{0,500}/gm;

/** nginx also prints the client, its own server name and the host of the request. */
const NGINX_UPSTREAM = /, upstream: "[^"]{0,500}"/;

/** The hosts that the text names, without the local machine. Those in certain positions come first. */
export function hostsIn(text: string): readonly NamedHost[] {
  const part = prepared(text);
  const mayBeClient = failureIn(text) !== 'unreachable';
  const hosts = new Map<string, NamedHost>();
  const collect = (patterns: readonly RegExp[], certain: boolean): void => {
    for (const pattern of patterns) {
      for (const [, name = '', first, second] of part.matchAll(pattern)) {
        if (hosts.size >= MAX_HOSTS) return;
        const host = name.toLowerCase();
        const port = Number(first ?? second ?? 0);
        if (LOCAL.test(host) || hosts.has(host) || port === DNS_PORT) continue;
        if (mayBeClient && port >= FIRST_CLIENT_PORT) continue;
        hosts.set(host, { host, certain, ...(port > 0 && { port }) });
      }
    }
  };
  collect(CERTAIN, true);
  collect(POSSIBLE, false);
  return [...hosts.values()];
}

function prepared(text: string): string {
  const part = readablePart(text);
  const upstream = NGINX_UPSTREAM.exec(part)?.[0];
  if (upstream !== undefined) return upstream;
  return [FRAME, LINK, LOCAL_SIDE].reduce((rest, pattern) => rest.replace(pattern, ' '), part);
}

const OWN_ADDRESS = /\b(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3})\b|\[?::1\]?:\d/;

/** Whether the text names the container itself, and no other host in a certain position: its own process fails. */
export function namesOnlyItself(text: string): boolean {
  return OWN_ADDRESS.test(readablePart(text)) && !hostsIn(text).some(({ certain }) => certain);
}

/** Extensions of source files: `main.go:12` is a position in code. */
const SOURCE_FILE =
  /\.(?:c|cc|clj|cpp|cs|dart|erl|ex|exs|go|h|hs|java|js|jsx|kt|lua|mjs|php|pl|py|rb|rs|scala|sh|so|swift|ts|tsx|json|ya?ml|conf|log|sock|html?|jar|dll)$/;

/** Whether the host may be outside the engine: an address, or a name with dots that is not a file. */
export function canBeExternal({ host, certain }: NamedHost): boolean {
  return certain && host.includes('.') && !SOURCE_FILE.test(host);
}
