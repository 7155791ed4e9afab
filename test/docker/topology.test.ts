import type { ContainerInspectInfo } from 'dockerode';
import { describe, expect, it } from 'vitest';
import { environmentHosts, toTopology } from '../../src/docker/topology.ts';
import { growth, LINEAR } from '../support/growth.ts';

const hosts = (name: string, value: string) => environmentHosts([{ name, value }]);

describe('the hosts in an environment', () => {
  it.each([
    ['DATABASE_URL', 'postgres://app:s3cret@db:5432/app', ['db']],
    ['MONGO', 'mongodb://u:p@mongo-1:27017,mongo-2:27017/x?replicaSet=rs', ['mongo-1', 'mongo-2']],
    ['AMQP', 'amqp://guest:p%40ss@rabbit', ['rabbit']],
    ['REDIS_HOST', 'cache', ['cache']],
    ['KAFKA_BROKERS', 'kafka-1:9092,kafka-2:9092', ['kafka-1', 'kafka-2']],
    ['UPSTREAM', 'api:8080', ['api']],
    ['DSN', 'host=db user=app dbname=x', ['db']],
    ['ConnectionStrings__Main', 'Server=tcp:sql,1433;Database=x', ['sql']],
    ['JDBC', 'jdbc:postgresql://db/app', ['db']],
    ['GREETING', 'hello', []],
    ['PATH', '/usr/bin:/bin', []],
    ['HOST', 'not a host!', []],
  ])('%s=%s', (name, value, expected) => {
    expect(hosts(name, value)).toEqual(expected);
  });

  it('are found in linear time', () => {
    for (const unit of ['a://', 'host=', 'a:1,', 'a@', 'server = tcp:']) {
      expect(
        growth(20_000, (size) => void hosts('X_HOST', unit.repeat(size))),
        unit,
      ).toBeLessThan(LINEAR);
    }
  });
});

describe('the topology of a container', () => {
  const info = (over: object) =>
    ({ HostConfig: {}, Config: { Labels: {} }, NetworkSettings: { Networks: {} }, ...over }) as ContainerInspectInfo;

  it('has the ports of the host that lead to it from other hosts', () => {
    const PortBindings = { '5432/tcp': [{ HostIp: '', HostPort: '5432' }], '80/tcp': [{ HostPort: '' }] };
    const Ports = { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '32768' }], '443/tcp': null };
    const settings = { NetworkSettings: { Networks: {}, Ports } };
    expect(toTopology(info({ HostConfig: { PortBindings }, ...settings }), []).published).toEqual([5432, 32768]);
    const local = { '5432/tcp': [{ HostIp: '127.0.0.1', HostPort: '5432' }] };
    expect(toTopology(info({ HostConfig: { PortBindings: local } }), []).published).toBeUndefined();
    const onHost = { HostConfig: { NetworkMode: 'host' }, Config: { Labels: {}, ExposedPorts: { '6379/tcp': {} } } };
    expect(toTopology(info(onHost), []).published).toEqual([6379]);
  });

  it('has its networks with addresses and names', () => {
    const Networks = { shop_default: { IPAddress: '172.18.0.2', Aliases: ['DB'], DNSNames: ['shop-db-1', 'db'] } };
    expect(toTopology(info({ NetworkSettings: { Networks } }), []).networks).toEqual([
      { name: 'shop_default', address: '172.18.0.2', aliases: ['db', 'shop-db-1'] },
    ]);
  });

  it('has the services that compose starts before it, but not those that end before it', () => {
    const label = 'db:service_healthy:false,migrate:service_completed_successfully:false,cache:service_started:true,';
    const Labels = { 'com.docker.compose.depends_on': label };
    expect(toTopology(info({ Config: { Labels } }), []).dependsOn).toEqual(['db', 'cache']);
  });

  it('has the container whose network it shares, and links', () => {
    const HostConfig = { NetworkMode: 'container:abc', Links: ['/db:/web/database'] };
    expect(toTopology(info({ HostConfig }), [])).toMatchObject({ sharesNetworkOf: 'abc', links: ['db'] });
  });
});
