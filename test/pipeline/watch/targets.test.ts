import { describe, expect, it } from 'vitest';
import type { ContainerRef } from '../../../src/domain/containers.ts';
import { createWatchFilter, parseTargets } from '../../../src/pipeline/watch/targets.ts';

const ref = (name: string, labels: Record<string, string> = {}, id = 'a'.repeat(64)): ContainerRef => ({
  id,
  name,
  image: 'shop/web:1',
  service: name,
  labels,
});

describe('TARGET_CONTAINERS', () => {
  it.each([
    { why: 'no name: everything', targets: '', matches: ['web', 'db'], not: [] },
    {
      why: 'spaces and empty parts are ignored',
      targets: ' web , ,',
      matches: ['web'],
      not: ['web-1', 'my-web'],
    },
    {
      why: 'a star matches any characters',
      targets: 'shop-*-1,db',
      matches: ['shop-api-1', 'shop--1', 'db'],
      not: ['shop-api-2', 'dbx'],
    },
    { why: 'a question mark matches one character', targets: 'web-?', matches: ['web-1'], not: ['web-', 'web-10'] },
    { why: 'other characters match themselves', targets: 'a.b+(c)', matches: ['a.b+(c)'], not: ['axb+(c)', 'a.bb(c)'] },
    { why: "the engine's leading slash is not part of the name", targets: '/web', matches: ['web'], not: ['/web'] },
  ])('$why: "$targets"', ({ targets, matches, not }) => {
    const parsed = parseTargets(targets);
    expect(matches.filter((name) => !parsed.matches(name))).toEqual([]);
    expect(not.filter((name) => parsed.matches(name))).toEqual([]);
  });

  it('reports which of its names match nothing', () => {
    expect(parseTargets('web,shop-*,db').missing(['shop-api-1', 'db'])).toEqual(['web']);
    expect(parseTargets('').missing([])).toEqual([]);
  });
});

describe('a container is not watched', () => {
  const filter = createWatchFilter(parseTargets(''), `${'b'.repeat(12)}`);

  it('if its label disables it', () => {
    expect(filter(ref('web', { 'container-doctor.enable': 'False' }))).toBe(false);
    expect(filter(ref('web', { 'container-doctor.enable': 'true' }))).toBe(true);
  });

  it('if it is the agent itself, by its full or short id', () => {
    expect(filter(ref('doctor', {}, 'b'.repeat(64)))).toBe(false);
    expect(createWatchFilter(parseTargets('doctor'), 'c'.repeat(64))(ref('doctor', {}, 'c'.repeat(64)))).toBe(false);
    expect(filter(ref('web'))).toBe(true);
  });

  it('but an id that is too short excludes no container', () => {
    expect(createWatchFilter(parseTargets(''), 'a')(ref('web'))).toBe(true);
  });
});
