import { describe, expect, it } from 'vitest';
import { presentableName } from '../../src/redact/presentable-name.ts';
import { alnum, chars, join, pw } from './corpus-words.ts';

const KEY = join('gh', 'p_', chars(alnum, 36, 7));

describe('a name', () => {
  it.each([
    'shop-web-1',
    'shop_web_1',
    'web-7d9f8c6b5-x7x2k',
    'k8s_POD_web-6d4cf56db6-x7x2k_shop_7c9e6679-7425-40de-944b-e07fc1f90ae7_0',
    'web.1.k2z7m4n1q8v0l4e7p9w5t6x8c',
    'runner-t3xyz7k2q-project-123-concurrent-0',
    'registry.example:5000/team/app:1.4.2',
    'app@sha256:ae4fb32799f34e75e97747008f21b7e89ed7a14f72a01fa48fe741855c95b2f1',
    'gcr.io/acme-prod-123456/api:5114f85a5114f85a5114f85a5114f85a5114f85a',
    'DB_PASSWORD',
    'STRIPE_API_KEY',
    'password-manager',
    'secrets-operator',
    'token-service',
    'quirky_hopper',
    '東京-web',
  ])('without a secret does not change: %s', (name) => {
    expect(presentableName(name)).toBe(name);
  });

  it('with a secret has a placeholder in its place', () => {
    expect(presentableName(`ci-${KEY}-1`)).toMatch(/^ci-‹secret-[\da-f]{4}›$/);
    expect(presentableName(`registry.example/${KEY}/app:1`)).toMatch(/^registry\.example\/‹secret-[\da-f]{4}›\/app:1$/);
    expect(presentableName(`https://user:${pw}@registry.example/app`)).not.toContain(pw);
    expect(presentableName('jane.roe@acme.example')).not.toContain('jane');
  });

  it('has the same placeholder each time, and another for another secret', () => {
    expect(presentableName(KEY)).toBe(presentableName(KEY));
    expect(presentableName(KEY)).not.toBe(presentableName(join('gh', 'p_', chars(alnum, 36, 8))));
  });

  it('is searched for the values of the environment', () => {
    expect(presentableName('web-zebra-crossing', ['zebra-crossing'])).toMatch(/^web-‹secret-[\da-f]{4}›$/);
  });

  it('does not change a second time', () => {
    const once = presentableName(`ci-${KEY}`);
    expect(presentableName(once)).toBe(once);
  });
});
