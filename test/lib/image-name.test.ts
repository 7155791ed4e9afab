import { expect, it } from 'vitest';
import { repositoryOf, splitImageName } from '../../src/lib/image-name.ts';

it.each([
  ['postgres', 'postgres', undefined, 'postgres'],
  ['postgres:17', 'postgres', '17', 'postgres'],
  ['docker.io/library/postgres:17', 'docker.io/library/postgres', '17', 'postgres'],
  ['registry:5000/team/app', 'registry:5000/team/app', undefined, 'team/app'],
  ['registry:5000/team/app:1.2@sha256:0123', 'registry:5000/team/app', '1.2', 'team/app'],
  ['localhost/db@sha256:0123', 'localhost/db', undefined, 'db'],
  ['', '', undefined, ''],
])('%s has the repository %s and the tag %s; without the registry: %s', (image, repository, tag, short) => {
  expect(splitImageName(image)).toEqual({ repository, ...(tag === undefined ? {} : { tag }) });
  expect(repositoryOf(image)).toBe(short);
});
