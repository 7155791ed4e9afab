/** A container of somebody else on the same engine, from which requests are sent. */
import { docker } from './docker-cli.ts';

export interface Attempt {
  readonly host: string;
  readonly port: number;
  readonly method?: string;
  readonly path?: string;
  /** By default, only `Host`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `error`: there was no response, for example ECONNREFUSED, ENOTFOUND or "no answer". */
export interface Attempted {
  readonly status?: number;
  readonly body?: string;
  readonly error?: string;
}

/** Runs in the container, which has Node and nothing of ours. All attempts at once; event streams are not read. */
const SCRIPT = `
const { request } = require('node:http');
const { Resolver } = require('node:dns');
// getaddrinfo would keep the process until its own, longer deadline.
const resolver = new Resolver({ timeout: 1000, tries: 1 });
const lookup = (name, { all }, done) => resolver.resolve4(name, (error, found) => {
  if (error) done(error);
  else if (all) done(null, found.map((address) => ({ address, family: 4 })));
  else done(null, found[0], 4);
});
const attempts = JSON.parse(process.argv[1]);
const send = ({ host, port, method, path, headers, body }) => new Promise((resolve) => {
  let status, text = '';
  const end = (error) => resolve(status === undefined ? { error } : { status, body: text });
  setTimeout(end, 3000, 'no answer');
  const options = { host, port, method, path: path ?? '/', headers: headers ?? { Host: host }, setHost: false, agent: false, lookup };
  const call = request(options, (answer) => {
    status = answer.statusCode;
    if (/event-stream/.test(answer.headers['content-type'])) return end();
    answer.setEncoding('utf8');
    answer.on('data', (chunk) => { if (text.length < 1000000) text += chunk; });
    answer.on('close', end);
  });
  call.on('error', (error) => end(error.code ?? error.message));
  call.end(body);
});
Promise.all(attempts.map(send)).then((results) => process.stdout.write(JSON.stringify(results), () => process.exit()));
`;

/** Sends requests from a running container. The results are in the order of the attempts. */
export async function attemptFrom(container: string, attempts: readonly Attempt[]): Promise<readonly Attempted[]> {
  const { stdout } = await docker(['exec', container, 'node', '-e', SCRIPT, JSON.stringify(attempts)], 60_000);
  return JSON.parse(stdout);
}

/** Starts a container with Node that does nothing by itself. */
export async function startNeighbour(name: string, image: string, network: string): Promise<void> {
  await docker(['run', '--detach', '--name', name, '--network', network, image, 'sleep', '3600']);
}
