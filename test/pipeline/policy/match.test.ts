import { describe, expect, it } from 'vitest';
import { type Match, matches } from '../../../src/pipeline/policy/match.ts';
import { statefulImage } from '../../../src/pipeline/policy/stateful-images.ts';
import { aContainer } from '../../support/domain.ts';

describe('the match of a rule', () => {
  const container = aContainer({
    name: 'shop-web-1',
    image: 'ghcr.io/acme/web:1.4',
    service: 'web',
    project: 'shop',
    labels: { tier: 'front', 'com.example.team': 'checkout' },
  });

  it('for a service of compose is also for its jobs, which are known by their command', () => {
    const job = aContainer({ service: 'web run 0a1b2c3d', labels: { 'com.docker.compose.service': 'web' } });
    expect(matches({ service: ['web'] }, job)).toBe(true);
    expect(matches({ service: ['web run *'] }, job)).toBe(true);
    expect(matches({ service: ['api'] }, job)).toBe(false);
  });

  it.each<[string, Match, boolean]>([
    ['its name', { name: ['shop-web-1'] }, true],
    ['a glob of its name', { name: ['shop-*-?'] }, true],
    ['only part of its name', { name: ['web'] }, false],
    ['one name of several', { name: ['api', 'shop-web-1'] }, true],
    ['its image as written', { image: ['ghcr.io/acme/web:1.4'] }, true],
    ['its image without the tag', { image: ['ghcr.io/acme/web'] }, true],
    ['its image without registry and tag', { image: ['acme/web'] }, true],
    ['another tag', { image: ['ghcr.io/acme/web:1.5'] }, false],
    ['a glob of its image', { image: ['*/web:1.*'] }, true],
    ['its project', { project: ['shop'] }, true],
    ['its service', { service: ['web'] }, true],
    ['a label', { label: ['tier'] }, true],
    ['a label and its value', { label: ['tier=front'] }, true],
    ['a glob of a label and its value', { label: ['com.example.*=check*'] }, true],
    ['a label with another value', { label: ['tier=back'] }, false],
    ['all fields', { project: ['shop'], service: ['web'] }, true],
    ['only one of two fields', { project: ['shop'], service: ['db'] }, false],
    ['a regular expression, which is not supported', { name: ['shop-web-[0-9]'] }, false],
    ['nothing', {}, false],
    ['an empty list', { name: [] }, false],
  ])('with %s', (_, match, expected) => {
    expect(matches(match, container)).toBe(expected);
  });

  it('for a project does not match a container without one', () => {
    expect(matches({ project: ['*'] }, aContainer())).toBe(false);
  });
});

describe('known stateful images', () => {
  it.each([
    'postgres',
    'postgres:17-alpine',
    'library/redis:8',
    'docker.io/library/postgres:17',
    'registry.example.com:5000/mirror/mysql:9',
    'localhost/mariadb',
    'bitnami/postgresql:17',
    'timescale/timescaledb:2.17-pg17',
    'postgis/postgis',
    'mcr.microsoft.com/mssql/server:2022-latest',
    'docker.elastic.co/elasticsearch/elasticsearch:9.0.0',
    'quay.io/coreos/etcd@sha256:0123456789abcdef',
    'confluentinc/cp-kafka',
    'rabbitmq:4-management',
    'mongo:8',
  ])('include %s', (image) => {
    expect(statefulImage(image)).toBeDefined();
  });

  it.each([
    'nginx',
    'shop/web:1.4',
    'prometheuscommunity/postgres-exporter',
    'mongo-express',
    'dpage/pgadmin4',
    'provectuslabs/kafka-ui',
    'oliver006/redis_exporter',
    'bitnami/pgbouncer',
    'acme/server',
    'my-postgres-app',
    'sha256:0123456789abcdef',
    '',
  ])('do not include %s', (image) => {
    expect(statefulImage(image)).toBeUndefined();
  });
});
