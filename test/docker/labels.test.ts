import { describe, expect, it } from 'vitest';
import { HIDDEN_VALUE, presentableLabels } from '../../src/docker/labels.ts';
import { UNREAD_LABELS } from '../../src/domain/containers.ts';
import { SECRETS } from '../redact/corpus.ts';

const shown = (name: string, value: string) => presentableLabels({ [name]: value })[name];

describe('labels of several megabytes', () => {
  const sizeOf = (labels: object) => JSON.stringify(labels).length;

  it.each<[string, Record<string, string>]>([
    ['a long value', { note: 'x'.repeat(3_000_000) }],
    ['a long value of ours', { 'container-doctor.detect.match': 'x'.repeat(3_000_000) }],
    ['a long name', { ['x'.repeat(3_000_000)]: 'yes' }],
    ['a long name of ours', { [`container-doctor.${'x'.repeat(3_000_000)}`]: 'yes' }],
    ['a long project', { 'com.docker.compose.project': 'x'.repeat(3_000_000) }],
    ['many labels', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`note-${i}`, 'x'.repeat(60)]))],
    ['many of ours', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`container-doctor.x${i}`, '1']))],
  ])('take little memory: %s', (_, labels) => {
    expect(sizeOf(presentableLabels(labels))).toBeLessThan(100_000);
  });

  it('are marked, if some were not read', () => {
    const padding = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`a-${i}`, 'x']));
    expect(presentableLabels({ ...padding, zone: 'protected' })).toHaveProperty([UNREAD_LABELS], 'true');
    expect(presentableLabels({ [`x${'x'.repeat(600)}`]: '' })).toHaveProperty([UNREAD_LABELS], 'true');
    expect(presentableLabels({ zone: 'protected', note: 'x'.repeat(3_000_000) })).not.toHaveProperty([UNREAD_LABELS]);
  });

  it('do not displace those that this project uses', () => {
    const padding = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`a-${i}`, 'x']));
    const kept = presentableLabels({
      ...padding,
      'container-doctor.restart': 'never',
      'com.docker.compose.service': 'a',
    });
    expect(kept).toMatchObject({ 'container-doctor.restart': 'never', 'com.docker.compose.service': 'a' });
  });
});

describe('labels', () => {
  it.each([
    ['container-doctor.restart', 'never'],
    ['container-doctor.detect.ignore', 'token=[0-9a-f]{32} expired (again|once more)'],
    ['com.docker.compose.project', 'shop'],
    ['com.docker.compose.service', 'token-service'],
    ['team', 'payments'],
    ['tier', 'data-base'],
    ['org.opencontainers.image.version', '1.2.3-rc.4'],
    ['traefik.enable', 'true'],
  ])('that this project uses, or that cannot be secret, are kept: %s=%s', (name, value) => {
    expect(shown(name, value)).toBe(value);
  });

  it.each([
    ['traefik.http.middlewares.auth.basicauth.users', 'admin:$apr1$x$y'],
    ['deploy.token', 'swordfish'],
    ['db-password', 'swordfish'],
    ['backup.target', 's3://key:pass@bucket'],
    ['maintainer', 'jane@example.com'],
    ['org.opencontainers.image.revision', '0123456789abcdef0123456789abcdef01234567'],
    ['note', 'x'.repeat(65)],
  ])('that may be secret keep only their name: %s', (name, value) => {
    expect(shown(name, value)).toBe(HIDDEN_VALUE);
  });

  it.each(SECRETS)('never show $what', ({ line, secret }) => {
    expect(shown('note', line)).not.toContain(secret);
  });
});
