import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { releaseNotes } from '../scripts/release-notes.ts';

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- Something that is not released.

## [1.1.0] - 2027-02-03

### Added

- A second thing.

### Fixed

- A bug in the first.

## [1.0.0] - 2027-01-02

- The first thing.

## [0.9.0] - 2026-12-01

[Unreleased]: https://example.com/compare/v1.1.0...HEAD
[1.1.0]: https://example.com/compare/v1.0.0...v1.1.0
`;

describe('the notes of a release', () => {
  it('are the section of its version, without those before and after it', () => {
    expect(releaseNotes(CHANGELOG, 'v1.1.0', '1.1.0')).toBe(
      '### Added\n\n- A second thing.\n\n### Fixed\n\n- A bug in the first.\n',
    );
    expect(releaseNotes(CHANGELOG, 'v1.0.0', '1.0.0')).toBe('- The first thing.\n');
  });

  it.each([
    ['of a tag that is not the version of the package', 'v1.1.1', '1.1.0', /v1\.1\.1 is not the version .* v1\.1\.0/],
    ['of a version that the changelog does not have', 'v1.2.0', '1.2.0', /no section "## \[1\.2\.0\]/],
    ['of a version whose name begins another', 'v1.1', '1.1', /no section/],
    ['of a version about which it says nothing', 'v0.9.0', '0.9.0', /says nothing about 0\.9\.0/],
  ])('%s are refused', (_, tag, version, message) => {
    expect(() => releaseNotes(CHANGELOG, tag, version)).toThrow(message);
  });

  it('can be made from CHANGELOG.md, once "Unreleased" is renamed', () => {
    const changelog = readFileSync(new URL('../CHANGELOG.md', import.meta.url), 'utf8');
    const released = changelog.replace('## [Unreleased]', '## [9.9.9] - 2030-01-01');
    expect(releaseNotes(released, 'v9.9.9', '9.9.9')).toMatch(/^### /);
  });
});
