/** The routes and query parameters of the Docker API that the simulated engine supports. */
import { parseUnixSeconds } from './timestamps.ts';

export type EngineOperation =
  | 'ping'
  | 'version'
  | 'info'
  | 'events'
  | 'list'
  | 'image'
  | 'inspect'
  | 'logs'
  | 'top'
  | 'stats'
  | 'restart'
  | 'start'
  | 'stop'
  | 'kill';

export interface Route {
  readonly operation: EngineOperation;
  /** Id, id prefix or name. */
  readonly container?: string;
  /** Id. */
  readonly image?: string;
}

const ENGINE_READS: Readonly<Record<string, EngineOperation>> = {
  '/_ping': 'ping',
  '/version': 'version',
  '/info': 'info',
  '/events': 'events',
  '/containers/json': 'list',
};
const CONTAINER_READS: Readonly<Record<string, EngineOperation>> = {
  json: 'inspect',
  logs: 'logs',
  top: 'top',
  stats: 'stats',
};
const CONTAINER_WRITES: Readonly<Record<string, EngineOperation>> = {
  restart: 'restart',
  start: 'start',
  stop: 'stop',
  kill: 'kill',
};

/** `path` may begin with an API version. */
export function parseRoute(method: string, path: string): Route | undefined {
  const bare = path.replace(/^\/v\d+\.\d+(?=\/)/, '');
  if (method === 'GET' || method === 'HEAD') {
    const operation = ENGINE_READS[bare];
    if (operation !== undefined) return { operation };
  }
  const image = /^\/images\/([^/]+)\/json$/.exec(bare)?.[1];
  if (image !== undefined && method === 'GET') return { operation: 'image', image: decodeURIComponent(image) };
  const match = /^\/containers\/([^/]+)\/(\w+)$/.exec(bare);
  if (match === null) return undefined;
  const container = decodeURIComponent(match[1] ?? '');
  const operation = (method === 'POST' ? CONTAINER_WRITES : CONTAINER_READS)[match[2] ?? ''];
  return operation === undefined ? undefined : { operation, container };
}

export function sinceOf(query: URLSearchParams): string | undefined {
  const since = query.get('since');
  return since === null || since === '' || since === '0' ? undefined : parseUnixSeconds(since);
}

/** The API accepts a filter as a list, or as an object whose keys are the list. */
export function filterOf(query: URLSearchParams, name: string): string[] {
  const filters = JSON.parse(query.get('filters') || '{}') as Record<string, string[] | Record<string, boolean>>;
  const values = filters[name] ?? [];
  return Array.isArray(values) ? values : Object.keys(values);
}

export function hasLabel(labels: Record<string, string>, filter: string): boolean {
  const [key = '', value] = filter.split('=', 2);
  return key in labels && (value === undefined || labels[key] === value);
}

export function flagOf(query: URLSearchParams, name: string): boolean {
  return ['1', 'true', 'True'].includes(query.get(name) ?? '');
}
