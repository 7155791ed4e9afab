/** The server with a real store, and without an agent. */
import { onTestFinished } from 'vitest';
import { createChangeFeed } from '../../../src/http/api/changes.ts';
import { API, ENDPOINTS, type EndpointName } from '../../../src/http/api/endpoints.ts';
import { RESPONSES, type ResponseOf } from '../../../src/http/api/responses.ts';
import type { ApiSource } from '../../../src/http/api/source.ts';
import type { ActionResult } from '../../../src/pipeline/ports/people.ts';
import { NOON, open, recordingLogger, temporaryDirectory } from '../../store/support.ts';
import { apiSource, startServer } from '../../support/api-server.ts';

/** Calls of the people's actions, in order. */
export type Acted = readonly [name: string, ...args: readonly unknown[]];

export async function serveApi(
  options: {
    readonly token?: string;
    readonly result?: ActionResult;
    readonly publicUrl?: string;
  } & Partial<ApiSource> = {},
) {
  const { token, result = { kind: 'done', what: 'done' }, publicUrl, ...over } = options;
  const store = await open(await temporaryDirectory());
  const changes = createChangeFeed();
  const acted: Acted[] = [];
  const act =
    (name: string) =>
    async (...args: readonly unknown[]) => {
      acted.push([name, ...args]);
      return result;
    };
  const logger = recordingLogger();
  const requests: (string | undefined)[] = [];
  const actions = {
    approve: act('approve'),
    deny: act('deny'),
    snooze: act('snooze'),
    endSnooze: act('endSnooze'),
    askAgain: act('askAgain'),
    judge: act('judge'),
  };
  const server = await startServer({
    token,
    publicUrl,
    logger,
    onRequest: (_method, route) => requests.push(route),
    api: apiSource(store, { actions, changes, now: () => NOON + 3_600_000, ...over }),
  });
  onTestFinished(server.close);

  const send = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(server.url + API + path, { signal: AbortSignal.timeout(60_000), ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    ...server,
    store,
    changes,
    acted,
    logger,
    requests,
    send,
    post: (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
      }),
    /** A response that matches its schema. */
    async get<Name extends EndpointName>(name: Name, path: string = ENDPOINTS[name].path): Promise<ResponseOf<Name>> {
      const { status, body } = await send(
        path,
        token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
      );
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
      return RESPONSES[name].parse(body) as ResponseOf<Name>;
    },
  };
}
