import { describe, expect, it } from 'vitest';
import { createMetricsAddress } from '../../src/app/metrics-address.ts';
import { loadConfig } from '../../src/config/load.ts';

const ANY = { http: { host: '0.0.0.0', port: 8080, allowedHosts: [] }, hostAddresses: [], agentName: 'web-1' };
const notInSwarm = { swarmAddress: async () => undefined };
const inSwarm = { swarmAddress: async () => '10.0.0.7' };

describe('the address for Prometheus', () => {
  const at = (host: string) => ({ ...ANY, http: { ...ANY.http, host } });

  it.each([
    ['METRICS_ADDRESS', { ...ANY, metricsAddress: { host: '10.9.0.2', port: 9000 } }, '10.9.0.2:9000'],
    ['METRICS_ADDRESS without a port', { ...at('127.0.0.1'), metricsAddress: { host: 'web' } }, 'web:8080'],
    ['HOST', at('10.0.0.11'), '10.0.0.11:8080'],
    ['HOST, with IPv6', at('fd00::1'), '[fd00::1]:8080'],
    ['the first of HOST_ADDRESSES', { ...ANY, hostAddresses: ['10.9.0.3', 'other'] }, '10.9.0.3:8080'],
    ['nothing on the loopback address', at('127.0.0.1'), undefined],
    ['nothing if the port is published there', { ...ANY, http: { ...ANY.http, publishedOn: '127.0.0.1' } }, undefined],
  ])('is %s', (_name, config, expected) => {
    expect(createMetricsAddress(config, inSwarm)(8080)).toBe(expected);
  });

  it('is that of the node in a Swarm, else the name of the agent, once the engine has answered', async () => {
    for (const [engine, expected] of [
      [inSwarm, '10.0.0.7:8080'],
      [notInSwarm, 'web-1:8080'],
    ] as const) {
      const address = createMetricsAddress(ANY, engine);
      expect(address(8080)).toBeUndefined();
      await expect.poll(() => address(8080)).toBe(expected);
    }
  });

  it('asks an engine again that has not answered', async () => {
    let asked = 0;
    const engine = {
      swarmAddress: async () => {
        if (asked++ === 0) throw new Error('the engine is away');
        return '10.0.0.7';
      },
    };
    const address = createMetricsAddress(ANY, engine);
    await expect.poll(() => address(8080)).toBe('10.0.0.7:8080');
  });

  it.each(['web:0', 'web:65536', 'http://web', 'fd00::1'])('cannot be %s', (METRICS_ADDRESS) => {
    const loaded = loadConfig({ METRICS_ADDRESS });
    expect(JSON.stringify(loaded)).toContain('must be host or host:port');
  });
});
