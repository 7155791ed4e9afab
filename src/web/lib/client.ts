/** Requests to the agent. */

export class RequestFailed extends Error {
  /** The HTTP status; undefined if there was no response. */
  readonly status: number | undefined;

  constructor(message: string, status?: number) {
    super(message);
    this.status = status;
  }
}

/** Longer than the agent takes before it gives up: to answer, and to do something, such as asking a model again. */
const READ_TIMEOUT_MS = 12_000;
const ACT_TIMEOUT_MS = 125_000;

export async function getJson<T>(path: string): Promise<T> {
  return (await send(path, { method: 'GET' })) as T;
}

/** `csrfToken`: of the session; needed for all that changes something. */
export async function postJson<T>(path: string, body: object, csrfToken?: string): Promise<T> {
  return (await send(path, {
    method: 'POST',
    // A form of another site cannot send this type or this header.
    headers: { 'Content-Type': 'application/json', ...(csrfToken === undefined ? {} : { 'X-CSRF-Token': csrfToken }) },
    body: JSON.stringify(body),
  })) as T;
}

async function send(path: string, init: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    const timeoutMs = init.method === 'GET' ? READ_TIMEOUT_MS : ACT_TIMEOUT_MS;
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError';
    throw new RequestFailed(late ? 'The agent did not answer in time.' : 'The agent cannot be reached.');
  }
  const text = await response.text();
  const body = parse(text);
  if (response.ok) return body;
  throw new RequestFailed(
    messageOf(body) ?? `The agent answered with HTTP status ${response.status}.`,
    response.status,
  );
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error, why } = body as { error?: unknown; why?: unknown };
  if (typeof error === 'string') return error;
  return typeof why === 'string' ? why : undefined;
}
