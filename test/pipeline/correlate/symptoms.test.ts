import { describe, expect, it } from 'vitest';
import type { ContainerFacts } from '../../../src/domain/containers.ts';
import { describeCause } from '../../../src/pipeline/correlate/common-causes.ts';
import { createDependencyGraph } from '../../../src/pipeline/correlate/graph.ts';
import { canBeExternal, hostsIn, namesOnlyItself } from '../../../src/pipeline/correlate/named-hosts.ts';
import { readSymptoms } from '../../../src/pipeline/correlate/symptoms.ts';
import { someFacts } from '../../support/domain.ts';
import { onNetwork, service } from './support.ts';

const db = service('db');
const api = service('api');
const OUTSIDE = 'ERROR connect ETIMEDOUT smtp.example.net:587';
const NO_NETWORKS = { networks: [], links: [], dependsOn: [], environmentHosts: [] };

function symptomsOf(texts: readonly string[], facts?: Partial<ContainerFacts>, known = true) {
  const graph = createDependencyGraph();
  graph.learn(db, onNetwork('172.18.0.2'), 0);
  if (known) graph.learn(api, onNetwork('172.18.0.3'), 0);
  return readSymptoms({ texts, at: 1_000, container: api, facts: facts && someFacts(facts) }, graph);
}

describe('what errors say about the dependencies of a container', () => {
  it('is the clearest of several failures', () => {
    expect(symptomsOf(['ERROR request timed out', 'ERROR connection refused']).failure).toBe('unreachable');
    expect(symptomsOf(['ERROR connection pool exhausted', 'ERROR request timed out']).failure).toBe('interrupted');
    expect(symptomsOf(['ERROR connection pool exhausted', 'all is well']).failure).toBe('exhausted');
  });

  it('is nothing if no dependency fails, apart from a stated cause', () => {
    expect(symptomsOf(['ERROR no space left on device'])).toEqual({ named: [], hosts: [], stated: 'disk full' });
    expect(symptomsOf(['ERROR KeyError'])).toEqual({ named: [], hosts: [] });
    expect(symptomsOf(['ERROR connect ECONNREFUSED 127.0.0.1:80'])).toEqual({ named: [], hosts: [] });
  });

  it('names a known container once, and no host outside besides it', () => {
    const texts = ['ERROR connect ECONNREFUSED 172.18.0.2:5432', 'ERROR connect ECONNREFUSED db:5432', OUTSIDE];
    expect(symptomsOf(texts)).toMatchObject({ failure: 'unreachable', named: [db] });
    expect(symptomsOf(texts)).not.toHaveProperty('external');
    expect(symptomsOf(texts.slice(0, 1))).not.toHaveProperty('unresolved');
  });

  it('names only what the failures name, not what other records name', () => {
    expect(symptomsOf(['GET http://db:80/ 200', 'ERROR connection refused']).named).toEqual([]);
  });

  it('names a host outside with its port, if it has one', () => {
    expect(symptomsOf([OUTSIDE]).external).toBe('smtp.example.net:587');
    expect(symptomsOf(['ERROR getaddrinfo ENOTFOUND smtp.example.net']).external).toBe('smtp.example.net');
  });

  it('takes an unknown address in its own network for a container, not for a host outside', () => {
    const symptoms = symptomsOf(['ERROR connect ECONNREFUSED 172.18.0.99:80']);
    expect(symptoms.external).toBeUndefined();
    expect(symptoms.unresolved).toBe('172.18.0.99');
  });

  it('has a name that nothing has, if its position is certain', () => {
    expect(symptomsOf(['ERROR getaddrinfo ENOTFOUND mystery']).unresolved).toBe('mystery');
    expect(symptomsOf(['ERROR connection refused by mystery']).unresolved).toBeUndefined();
    expect(symptomsOf(['ERROR request timed out'])).not.toHaveProperty('unresolved');
  });

  it('is that the name server fails if it says so, or if a known name is not found', () => {
    const failing = 'ERROR getaddrinfo EAI_AGAIN mystery';
    expect(symptomsOf([failing, OUTSIDE]).nameServerFails).toBeDefined();
    expect(symptomsOf(['ERROR getaddrinfo ENOTFOUND db', OUTSIDE]).nameServerFails).toBeDefined();
    expect(symptomsOf(['ERROR getaddrinfo ENOTFOUND mystery']).nameServerFails).toBeUndefined();
    expect(symptomsOf(['ERROR connect ECONNREFUSED db:5432']).nameServerFails).toBeUndefined();
  });

  it('is nothing once the container has lost its networks, but not if it never had one or uses another one', () => {
    const refused = ['ERROR connect ECONNREFUSED 203.0.113.9:443'];
    expect(symptomsOf(refused, { topology: NO_NETWORKS }).failure).toBeUndefined();
    expect(symptomsOf(refused, { topology: NO_NETWORKS }, false).failure).toBe('unreachable');
    expect(symptomsOf(refused, { topology: { ...NO_NETWORKS, sharesNetworkOf: db.id } }).failure).toBe('unreachable');
    expect(symptomsOf(refused, { status: 'exited', topology: NO_NETWORKS }).failure).toBe('unreachable');
  });
});

describe('the hosts of an error', () => {
  const hosts = (text: string) => hostsIn(text).map(({ host }) => host);

  it('are at most sixteen', () => {
    const many = Array.from({ length: 30 }, (_, i) => `http://host${i}/`).join(' ');
    expect(hosts(many)).toHaveLength(16);
  });

  it('do not include the name server, but a local address is recognised only as a whole', () => {
    expect(hosts('lookup shop on 10.0.0.1:53: no such host')).toEqual(['shop']);
    expect(hosts('connect ECONNREFUSED 127.12.34.56:80')).toEqual([]);
    expect(hosts('connect ECONNREFUSED localhost.example.net:80')).toEqual(['localhost.example.net']);
    expect(hosts('connect ECONNREFUSED my-localhost:80')).toEqual(['my-localhost']);
  });

  it('include a port only if one is printed', () => {
    expect(hostsIn('getaddrinfo ENOTFOUND shop')).toEqual([{ host: 'shop', certain: true }]);
    expect(hostsIn('connect ECONNREFUSED shop:80')).toEqual([{ host: 'shop', certain: true, port: 80 }]);
  });

  it('do not include a client, which has a port from 32768 on', () => {
    expect(hosts('read tcp 10.1.2.3:32768: i/o timeout')).toEqual([]);
    expect(hosts('read tcp 10.1.2.3:32767: i/o timeout')).toEqual(['10.1.2.3']);
  });

  it('are those of the upstream if nginx prints it', () => {
    const text =
      'connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.test, upstream: "http://172.18.0.2:80/cart", host: "shop.test"';
    expect(hosts(text)[0]).toBe('172.18.0.2');
    expect(hosts(text)).not.toContain('10.0.0.9');
    expect(hosts(text)).not.toContain('shop.test');
  });

  it('do not include the local side of a connection', () => {
    expect(hosts('read tcp 172.18.0.99:44321->172.18.0.2:5432: i/o timeout')).toEqual(['172.18.0.2']);
    expect(hosts('dial tcp 172.18.0.99:44321->172.18.0.2:5432: connection refused')).not.toContain('172.18.0.99');
  });

  it.each([
    'see',
    'doc',
    'Docs:',
    'More info at:',
    'help on',
    'Background:',
    'Background on this error at:',
    'Read: at',
  ])('do not include a link to an explanation: %s', (before) => {
    for (const scheme of ['http', 'https']) {
      expect(hosts(`${before} ${scheme}://errors.example.net:8443/42`)).toEqual([]);
    }
  });

  it('do not include files of stack frames', () => {
    const frame = 'http://files.example.net/app';
    expect(hosts(`it failed\n        at handler (${frame}.js:1)`)).not.toContain('files.example.net');
    expect(hosts(`it failed\nFile "${frame}.py", line 1`)).not.toContain('files.example.net');
    for (const host of ['main.go', 'app.yml', 'app.yaml', 'index.htm', 'index.html']) {
      expect(canBeExternal({ host, certain: true })).toBe(false);
    }
    expect(canBeExternal({ host: 'example.net', certain: false })).toBe(false);
  });

  it('are missing if the text names the container itself', () => {
    expect(namesOnlyItself('connect ECONNREFUSED 127.100.200.123:80')).toBe(true);
    expect(namesOnlyItself('connect ECONNREFUSED ::1:80')).toBe(true);
    expect(namesOnlyItself('localhost: connect ECONNREFUSED shop:80')).toBe(false);
  });
});

it('a cause is described by what does not answer, as far as it is known', () => {
  expect(describeCause(undefined)).toBeUndefined();
  expect(describeCause({ kind: 'incident', incidentId: 'i', evidence: 'compose' })).toBeUndefined();
  expect(describeCause({ kind: 'external', host: 'smtp.example.net' })).toBe('smtp.example.net does not answer');
  expect(describeCause({ kind: 'unknown', named: 'db' })).toContain('errors name db');
  expect(describeCause({ kind: 'unknown' })).toContain('point to a dependency');
});
