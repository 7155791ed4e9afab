import { API, ENDPOINTS, type EndpointName } from '../http/api/endpoints.ts';
import { RESPONSES, type ResponseOf } from '../http/api/responses.ts';

/** An answer of the agent, or why there is none, as a sentence. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

type ReadingEndpoint = {
  [Name in EndpointName]: (typeof ENDPOINTS)[Name]['method'] extends 'get' ? Name : never;
}[EndpointName];

export interface ApiClient {
  /** Never rejects. */
  read<Name extends ReadingEndpoint>(
    name: Name,
    options?: {
      readonly id?: string;
      readonly query?: Readonly<Record<string, string | number | undefined>>;
    },
  ): Promise<Answer<ResponseOf<Name>>>;
}

const TIMEOUT_MS = 15_000;

/** Reads the API of a running agent. `url`: without a slash at the end. */
export function createApiClient({ url, token }: { readonly url: string; readonly token?: string }): ApiClient {
  return {
    async read(name, { id = '', query = {} } = {}) {
      const path = ENDPOINTS[name].path.replace(':id', encodeURIComponent(id));
      const given = Object.entries(query).flatMap(([key, value]): [string, string][] =>
        value === undefined ? [] : [[key, String(value)]],
      );
      const search = new URLSearchParams(given).toString();
      let response: Response;
      try {
        response = await fetch(`${url}${API}${path}${search === '' ? '' : `?${search}`}`, {
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
          signal: AbortSignal.timeout(TIMEOUT_MS),
          redirect: 'error',
        });
      } catch (error) {
        return { ok: false, why: `the agent at ${url} does not answer (${reasonOf(error)})` };
      }
      const body: unknown = await response.json().catch(() => undefined);
      if (response.status === 401) return { ok: false, why: 'the agent requires HTTP_TOKEN; set it for this command' };
      if (!response.ok) return { ok: false, why: errorIn(body) ?? `the agent answered with status ${response.status}` };
      const parsed = RESPONSES[name].safeParse(body);
      if (!parsed.success)
        return { ok: false, why: `the agent at ${url} runs another version: its answer is not understood` };
      return { ok: true, value: parsed.data as ResponseOf<typeof name> };
    },
  };
}

function errorIn(body: unknown): string | undefined {
  const { error } = (body ?? {}) as { error?: unknown };
  return typeof error === 'string' ? error : undefined;
}

function reasonOf(error: unknown): string {
  const { cause, name } = error as { cause?: { code?: string }; name?: string };
  return cause?.code ?? name ?? 'unknown';
}
