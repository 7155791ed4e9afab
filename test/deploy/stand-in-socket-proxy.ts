/**
 * Replaces wollomatic/socket-proxy on an engine that cannot pull it: the same options, the same allow list, the same
 * answers (405 for a method without a pattern, 403 for another path or client) and the same address for the health
 * check. It runs in a container with Node alone, so it imports nothing else.
 */
import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

export interface AllowList {
  /** The status of a refusal; undefined: the request is forwarded. */
  refusal(method: string, url: string): 403 | 405 | undefined;
}

/** Reads the arguments of the proxy (`-allowGET=pattern`). */
export function allowListOf(args: readonly string[]): AllowList {
  const patterns = new Map<string, RegExp[]>();
  for (const argument of args) {
    const [, method, source] =
      /^-allow(GET|HEAD|POST|PUT|PATCH|DELETE|CONNECT|TRACE|OPTIONS)=(.*)$/.exec(argument) ?? [];
    if (!method || !source) continue;
    // The proxy puts ^ and $ around the pattern without adding parentheses.
    patterns.set(method, [...(patterns.get(method) ?? []), new RegExp(`^${source}$`)]);
  }
  return {
    refusal(method, url) {
      const allowed = patterns.get(method);
      if (allowed === undefined) return 405;
      return allowed.some((pattern) => pattern.test(pathOf(url))) ? undefined : 403;
    },
  };
}

/** Only the decoded path is matched, and its dots are not resolved. */
function pathOf(url: string): string {
  try {
    return decodeURIComponent(url.split('?')[0] ?? '');
  } catch {
    return '';
  }
}

/** Forwards to the engine; a stream in one direction ends the other. */
export function forward(socketPath: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url: path, headers } = incoming;
  const upstream = request({ socketPath, method, path, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    outgoing.flushHeaders();
    answer.on('error', () => outgoing.destroy());
    answer.pipe(outgoing);
  });
  upstream.on('error', () => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
  incoming.pipe(upstream);
}

function main(args: readonly string[]): void {
  const option = (name: string) => args.find((argument) => argument.startsWith(`-${name}=`))?.replace(/^[^=]*=/, '');
  const list = allowListOf(args);
  const clients = (option('allowfrom') ?? '127.0.0.1').split(',');
  const socketPath = '/var/run/docker.sock';

  // Not cached: the agent has another address after it was recreated.
  const mayAsk = async (address: string) => {
    for (const client of clients) {
      const found = await lookup(client, { all: true }).catch(() => []);
      if (found.some((entry) => entry.address === address.replace(/^::ffff:/, ''))) return true;
    }
    return false;
  };
  createServer(async (incoming, outgoing) => {
    const { method = '', url = '', socket } = incoming;
    const refusal = (await mayAsk(socket.remoteAddress ?? '')) ? list.refusal(method, url) : 403;
    if (refusal === undefined) return forward(socketPath, incoming, outgoing);
    console.log(`blocked request: ${method} ${url} of ${socket.remoteAddress}`);
    outgoing.writeHead(refusal).end();
  }).listen(2375, option('listenip') ?? '127.0.0.1', () => console.log('socket-proxy stand-in is listening'));

  if (args.includes('-allowhealthcheck')) {
    createServer((_incoming, outgoing) => {
      const probe = request({ socketPath, method: 'GET', path: '/version' }, (answer) => {
        answer.resume();
        outgoing.writeHead(answer.statusCode === 200 ? 200 : 503).end();
      });
      probe.on('error', () => outgoing.writeHead(503).end());
      probe.end();
    }).listen(55_555, '127.0.0.1');
  }
  process.on('SIGTERM', () => process.exit(0));
}

if (import.meta.main) main(process.argv.slice(2));
