import { describe, expect, it } from 'vitest';
import { readComposeFile, readRepositoryFile } from './compose-file.ts';

const DIGEST = /@sha256:[0-9a-f]{64}$/;
const images = Object.values(readComposeFile().services).map(({ image }) => image);
const base = /^ARG NODE_IMAGE=(\S+)$/m.exec(readRepositoryFile('Dockerfile'))?.[1] as string;
const all = [...images.filter((image) => image !== 'container-doctor:local'), base];
const nameOf = (image: string) => image.replace(DIGEST, '').replace(/:[^:/]*$/, '');

/** Names in the rows of the table in docs/supply-chain.md whose second column begins with `text`. */
function documented(text: string): string[] {
  return readRepositoryFile('docs/supply-chain.md')
    .split('\n')
    .filter((row) => row.startsWith('|') && row.split('|')[2]?.trim().startsWith(text))
    .flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map((match) => nameOf(match[1] as string)));
}

describe('image references', () => {
  it.each(all)('%s has a tag, also if it has a digest', (image) => {
    expect(image.replace(DIGEST, '')).toMatch(/:v?\d+(\.\d+)*(-[\w-]+)?$/);
  });

  it('are pinned by digest as documented, and the others are documented with the reason', () => {
    const pinned = all.filter((image) => DIGEST.test(image)).map(nameOf);
    const others = all.filter((image) => !DIGEST.test(image)).map(nameOf);
    expect(pinned.sort()).toEqual(documented('pinned').sort());
    expect(others.sort()).toEqual(
      [...documented('not known'), ...documented('not pinned')].filter((name) => name !== 'demo').sort(),
    );
  });

  it('that give access to the engine are pinned by digest', () => {
    expect(readComposeFile().services['socket-proxy']?.image).toMatch(DIGEST);
  });

  it('and packages are kept current by Renovate', () => {
    const renovate = JSON.parse(readRepositoryFile('renovate.json')) as { extends: string[] };
    expect(renovate.extends).toEqual(expect.arrayContaining(['config:recommended', 'docker:pinDigests']));
  });
});
