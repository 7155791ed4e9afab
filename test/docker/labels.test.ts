import { describe, expect, it } from 'vitest';
import { HIDDEN_VALUE, presentableLabels } from '../../src/docker/labels.ts';
import { SECRETS } from '../redact/corpus.ts';

const shown = (name: string, value: string) => presentableLabels({ [name]: value })[name];

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
