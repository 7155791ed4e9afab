/** A client of the API that checks every response against its schema. */
import { expect } from 'vitest';
import { API, ENDPOINTS, type EndpointName } from '../../src/http/api/endpoints.ts';
import { RESPONSES, type ResponseOf } from '../../src/http/api/responses.ts';

export interface ApiReader {
  get<Name extends EndpointName>(name: Name, path?: string): Promise<ResponseOf<Name>>;
}

export function apiReader(url: string, token?: string): ApiReader {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    async get(name, path = ENDPOINTS[name].path) {
      const response = await fetch(url + API + path, { headers, signal: AbortSignal.timeout(60_000) });
      const body = await response.json();
      expect([path, response.status, body]).toMatchObject([path, 200, {}]);
      const parsed = RESPONSES[name].safeParse(body);
      expect([path, parsed.error?.issues ?? []]).toEqual([path, []]);
      // Nothing beyond the schema, which the document would not describe.
      expect([path, parsed.data]).toEqual([path, body]);
      return parsed.data as ResponseOf<typeof name>;
    },
  };
}

export interface EventFrame {
  readonly id: string;
  readonly event: string;
  readonly data: { incidents: string[]; areas: string[]; is_complete: boolean };
}

export interface EventReader {
  readonly frames: readonly EventFrame[];
  close(): void;
}

/** Reads Server-Sent Events until it is closed. */
export async function readEvents(url: string, token: string, lastId?: string): Promise<EventReader> {
  const stop = new AbortController();
  const response = await fetch(`${url}${API}/events`, {
    headers: { authorization: `Bearer ${token}`, ...(lastId !== undefined && { 'last-event-id': lastId }) },
    signal: stop.signal,
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  const frames: EventFrame[] = [];
  const { body } = response;
  void (async () => {
    let text = '';
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, id = '', event = '', data] = /^id: (.*)\nevent: (.*)\ndata: (.*)$/.exec(block) ?? [];
        if (data !== undefined) frames.push({ id, event, data: JSON.parse(data) });
      }
    }
  })().catch(() => undefined);
  return { frames, close: () => stop.abort() };
}

/** A browser that has signed in: a cookie and a CSRF token. */
export interface Browser {
  readonly cookie: string;
  readonly csrfToken: string;
  post(path: string, body?: object, headers?: Record<string, string>): Promise<{ status: number; body: unknown }>;
}

export async function signIn(url: string, token: string): Promise<Browser> {
  const response = await fetch(`${url}${API}/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
  });
  expect(response.status).toBe(200);
  const setCookie = response.headers.get('set-cookie') ?? '';
  expect(setCookie).toMatch(/^container_doctor_\d+=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; SameSite=Strict$/);
  const session = RESPONSES.signIn.parse(await response.json());
  const cookie = setCookie.split(';')[0] ?? '';
  const csrfToken = session.csrf_token ?? '';
  return {
    cookie,
    csrfToken,
    async post(path, body = {}, headers = {}) {
      const posted = await fetch(url + API + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', cookie, 'x-csrf-token': csrfToken, ...headers },
        body: JSON.stringify(body),
      });
      return { status: posted.status, body: await posted.json() };
    },
  };
}
