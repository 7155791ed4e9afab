import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { isLoopback } from '../lib/loopback.ts';

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

/**
 * Where Prometheus reaches the agent, `host:port`. Undefined if its pages are reached from this machine only. `port`: the
 * one on which it listens.
 */
export function createMetricsAddress(
  config: Pick<Config, 'http' | 'hostAddresses' | 'metricsAddress' | 'agentName'>,
  engine: Pick<DockerEngine, 'swarmAddress'>,
): (port: number) => Promise<string | undefined> {
  const { http, hostAddresses, agentName } = config;
  let ofSwarm: string | undefined;

  const find = async (): Promise<string | undefined> => {
    const listensOn = http.publishedOn ?? http.host;
    if (!ANY.has(listensOn)) return isLoopback(listensOn) ? undefined : listensOn;
    const [first] = hostAddresses;
    if (first !== undefined) return first;
    ofSwarm ??= await engine.swarmAddress().catch(() => undefined);
    return ofSwarm ?? agentName;
  };

  return async (port) => {
    const { host = await find(), port: published = port } = config.metricsAddress ?? {};
    if (host === undefined) return undefined;
    return `${isIP(host) === 6 ? `[${host}]` : host}:${published}`;
  };
}
