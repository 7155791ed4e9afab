import { expect, it } from 'vitest';
import { parseFilter, passes } from '../../../src/pipeline/policy/filter.ts';
import { aContainer } from '../../support/domain.ts';

const web = aContainer({ name: 'shop-web-1', service: 'web', project: 'shop' });
const lone = aContainer({ name: 'redis-test', service: 'redis-test', project: undefined });

it.each<[string, boolean, boolean]>([
  ['shop', true, false],
  ['shop-web-*', true, false],
  ['web', true, false],
  ['project:shop', true, false],
  ['project:web', false, false],
  ['name:shop', false, false],
  ['service:web, name:redis-?est', true, true],
  ['*', true, true],
  ['!*-test', true, false],
  ['!project:shop', false, true],
  ['shop, !shop-web-1', false, false],
  ['nobody', false, false],
])('%s selects a container of a project: %s, one without: %s', (text, first, second) => {
  const filter = parseFilter(text);
  expect(filter).toBeDefined();
  expect([passes(filter, web), passes(filter, lone)]).toEqual([first, second]);
});

it.each(['', ' , ', 'image:redis', 'a b', 'we!b', '!', 'name:'])('%j is no filter', (text) => {
  expect(parseFilter(text)).toBeUndefined();
});

it('without a filter, every container passes', () => {
  expect(passes(undefined, lone)).toBe(true);
});
