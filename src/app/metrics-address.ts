import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';
import type { DockerEngine } from '../docker/engine.ts';
import { isLoopback } from '../lib/loopback.ts';

const ANY: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);

/**
 * Where Prometheus reaches the agent, `host:port`. `port`: the one on which it listens. Undefined if its pages are reached
 * from this machine only, and until the engine has said whether it is in a Swarm: heartbeats do not wait for an engine.
 */
export function createMetricsAddress(
  config: Pick<Config, 'http' | 'hostAddresses' | 'metricsAddress' | 'agentName'>,
  engine: Pick<DockerEngine, 'swarmAddress'>,
): (port: number) => string | undefined {
  const { http, hostAddresses, agentName } = config;
  let isAsked = false;
  let ofEngine: string | undefined;

  const askEngine = async (): Promise<void> => {
    isAsked = true;
    try {
      ofEngine = (await engine.swarmAddress()) ?? agentName;
    } catch {
      isAsked = false;
    }
  };

  const find = (): string | undefined => {
    const listensOn = http.publishedOn ?? http.host;
    if (!ANY.has(listensOn)) return isLoopback(listensOn) ? undefined : listensOn;
    const [first] = hostAddresses;
    if (first !== undefined) return first;
    if (!isAsked) void askEngine();
    return ofEngine;
  };

  return (port) => {
    const { host = find(), port: published = port } = config.metricsAddress ?? {};
    if (host === undefined) return undefined;
    return `${isIP(host) === 6 ? `[${host}]` : host}:${published}`;
  };
}
