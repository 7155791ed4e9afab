import { describe, expect, it } from 'vitest';
import { withJobIdentity } from '../../../src/pipeline/lifecycle/one-off.ts';
import { aContainer } from '../../support/domain.ts';

const facts = { autoRemove: true, commandKey: '0a1b2c3d' };
const oneOff = (name: string) =>
  aContainer({ name, service: 'web', project: 'shop', labels: { 'com.docker.compose.oneoff': 'True' } });

describe('a job', () => {
  it('with a generated name is known by its image and command', () => {
    const job = (name: string) => withJobIdentity(aContainer({ name, service: name, image: 'acme/backup:2' }), facts);
    expect(job('brave_curie').service).toBe('backup job 0a1b2c3d');
    expect(job('happy_turing7').service).toBe('backup job 0a1b2c3d');
    const image = 'registry.example.com/team/shop/backup:2';
    expect(withJobIdentity(aContainer({ name: 'brave_curie', image }), facts).service).toBe('backup job 0a1b2c3d');
  });

  it('of compose run is known by its service and command, and is not the service', () => {
    expect(withJobIdentity(oneOff('shop-web-run-3f2a'), { ...facts, autoRemove: false })).toMatchObject({
      service: 'web run 0a1b2c3d',
      project: 'shop',
    });
  });

  it.each([
    ['a name that somebody gave', 'nightly-backup', facts],
    ['a name that begins like a generated one', 'brave_curie-2', facts],
    ['a name that ends like a generated one', '2-brave_curie', facts],
    ['a container that stays', 'brave_curie', { ...facts, autoRemove: false }],
    ['a container that has not been inspected', 'brave_curie', undefined],
  ])('is not assumed of %s', (_, name, known) => {
    const container = aContainer({ name });
    expect(withJobIdentity(container, known)).toBe(container);
  });
});
