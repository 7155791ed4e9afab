/** Reading the API: a cache that keeps what it has while it reads again, and reads again what changed. */
import { useEffect } from 'react';
import useSWR, { mutate, type SWRConfiguration } from 'swr';
import { getJson, postJson, RequestFailed } from './client.ts';
import { watchChanges } from './live.ts';
import { setAgentTime } from './now.ts';
import { toast } from './toast.ts';
import type {
  Acted,
  Changed,
  EndpointName,
  IncidentSummary,
  ResponseOf,
  ScorecardCase,
  Session,
  Status,
} from './types.ts';

const API = '/api/v1';
const SESSION = `${API}/session`;
const SCORECARD = '/api/scorecard';

/** What an incident waits for is not stored, so no change reports it. */
const UNDECIDED_MS = 5_000;

/** Whether an answer shows an open incident that is still being handled. */
export function isUndecided(data: unknown): boolean {
  const { incidents } = (data ?? {}) as { readonly incidents?: unknown };
  // In statistics, `incidents` are counts.
  const shown: readonly unknown[] = Array.isArray(incidents) ? incidents : [data];
  return shown.some((each) => {
    const { state, decision, waits } = (each ?? {}) as Partial<IncidentSummary>;
    return state === 'open' && (decision === null || (waits ?? null) !== null);
  });
}

async function read(path: string): Promise<unknown> {
  const body = await getJson<unknown>(path);
  if (path === `${API}/status`) setAgentTime(Date.parse((body as Status).now));
  return body;
}

export const SWR_OPTIONS: SWRConfiguration = {
  fetcher: read,
  // Changes arrive by themselves.
  revalidateOnFocus: false,
  revalidateOnReconnect: false,
  refreshInterval: (data?: unknown) => (isUndecided(data) ? UNDECIDED_MS : 0),
  dedupingInterval: 300,
  errorRetryInterval: 3_000,
  onError: (error, key) => {
    // The session has ended.
    if (error instanceof RequestFailed && error.status === 401 && key !== SESSION) void mutate(SESSION);
  },
  shouldRetryOnError: (error) => !(error instanceof RequestFailed && [400, 401, 403, 404].includes(error.status ?? 0)),
};

export interface Loaded<T> {
  readonly data: T | undefined;
  /** Set only while there are no data to show. */
  readonly error: RequestFailed | undefined;
  readonly retry: () => void;
}

export interface LoadedOrPrevious<T> extends Loaded<T> {
  /** The data are those of the previous path, while those of this one are read. */
  readonly isPrevious: boolean;
}

/** `path`: below `/api/v1`, with the query; undefined reads nothing. */
export function useApi<Name extends EndpointName>(name: Name, path: string | undefined): Loaded<ResponseOf<Name>> {
  return useRead(name, path, { keepPreviousData: false });
}

/** As `useApi`, for a view that stays on screen while its path changes: another filter, another period. */
export function useChangingApi<Name extends EndpointName>(
  name: Name,
  path: string | undefined,
): LoadedOrPrevious<ResponseOf<Name>> {
  return useRead(name, path, { keepPreviousData: true });
}

function useRead<Name extends EndpointName>(
  _name: Name,
  path: string | undefined,
  options: SWRConfiguration,
): LoadedOrPrevious<ResponseOf<Name>> {
  const key = path === undefined ? null : API + path;
  const { data, error, isLoading, mutate: again } = useSWR<ResponseOf<Name>, RequestFailed>(key, options);
  return {
    data,
    isPrevious: isLoading && data !== undefined,
    error: data === undefined ? error : undefined,
    retry: () => void again(),
  };
}

/** The cases of `/api/scorecard`, oldest first. */
export function useScorecard(): Loaded<readonly ScorecardCase[]> {
  const { data, error, mutate: again } = useSWR<{ cases: ScorecardCase[] }, RequestFailed>(SCORECARD);
  return { data: data?.cases, error: data === undefined ? error : undefined, retry: () => void again() };
}

export function useSession(): Session | undefined {
  return useApi('session', '/session').data;
}

/** The hosts whose agents share the database, by name; fewer than two: there is no other. */
export function useHosts(): readonly string[] {
  return useApi('status', '/status').data?.agents.map(({ host }) => host) ?? [];
}

/** Posts; the message says what came of it. Resolves to whether it was done. */
export async function act(session: Session | undefined, path: string, body: object): Promise<boolean> {
  try {
    toast('Sent to the agent …');
    const acted = await postJson<Acted>(API + path, body, session?.csrf_token ?? undefined);
    toast(acted.text);
    readAgain(() => true);
    return acted.result === 'done';
  } catch (error) {
    toast(error instanceof RequestFailed ? error.message : 'The request failed.');
    if (error instanceof RequestFailed && error.status === 401) readAgain((path) => path === '/session');
    return false;
  }
}

export async function signIn(token: string): Promise<void> {
  await mutate(SESSION, await postJson<Session>(`${API}/session`, { token }), { revalidate: false });
  readAgain((path) => path !== '/session');
}

export async function signOut(session: Session | undefined): Promise<void> {
  const ended = await postJson<Session>(`${API}/session/end`, {}, session?.csrf_token ?? undefined);
  await mutate(SESSION, ended, { revalidate: false });
  // Nothing that was read stays in the page.
  await mutate((key) => key !== SESSION, undefined, { revalidate: false });
}

function readAgain(isMeant: (path: string) => boolean): void {
  void mutate(
    (key) =>
      typeof key === 'string' &&
      (key.startsWith(API) ? isMeant(key.slice(API.length)) : key === SCORECARD && isMeant('/stats')),
  );
}

/** Answers that cover all incidents cost the agent more, and do not need to be current to the second. */
const SLOW = /^\/(stats|timeline)\b/;
const QUICK_MS = 700;
const SLOW_MS = 5_000;

/** Reads again what the agent says has changed, each answer at most once per period. */
export function useLiveData(isOn: boolean): void {
  useEffect(() => {
    if (!isOn) return;
    const quick = batched(QUICK_MS, (path) => !SLOW.test(path));
    const slow = batched(SLOW_MS, (path) => SLOW.test(path));
    const stop = watchChanges({
      url: `${API}/events`,
      onChange: (data) => {
        const isMeant = data !== undefined ? touchedBy(JSON.parse(data) as Changed) : () => true;
        quick.add(isMeant);
        slow.add(isMeant);
      },
      onRefused: () => readAgain((path) => path === '/session'),
    });
    return () => {
      stop();
      quick.stop();
      slow.stop();
    };
  }, [isOn]);
}

/** Which answers a change makes old. */
export function touchedBy({ incidents, areas, is_complete }: Changed): (path: string) => boolean {
  return (path) => {
    const [, resource = '', id] = path.split(/[/?]/);
    if (resource === 'incidents' && path.startsWith('/incidents/')) {
      return !is_complete || areas.includes('people') || incidents.includes(decodeURIComponent(id ?? ''));
    }
    if (resource === 'incidents' || resource === 'timeline') return areas.includes('incidents');
    if (resource === 'stats') return areas.includes('incidents') || areas.includes('people');
    if (resource === 'containers' || resource === 'graph') return areas.some((area) => area !== 'status');
    return resource === 'status' || resource === 'waiting';
  };
}

function batched(
  periodMs: number,
  concerns: (path: string) => boolean,
): { add(isMeant: (path: string) => boolean): void; stop(): void } {
  let waiting: ((path: string) => boolean)[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let lastAt = 0;
  const run = (): void => {
    const meant = waiting;
    waiting = [];
    timer = undefined;
    lastAt = Date.now();
    readAgain((path) => concerns(path) && meant.some((isMeant) => isMeant(path)));
  };
  return {
    add: (isMeant) => {
      waiting.push(isMeant);
      timer ??= setTimeout(run, Math.max(0, lastAt + periodMs - Date.now()));
    },
    stop: () => clearTimeout(timer),
  };
}
