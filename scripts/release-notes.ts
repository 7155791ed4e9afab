/**
 * Prints the notes of a release from CHANGELOG.md: `node scripts/release-notes.ts v0.1.0`. Fails if the tag is not the
 * version in package.json, or if the changelog has nothing about it.
 */
import { readFileSync } from 'node:fs';

const SECTION = /^## /m;

/** The text below `## [version]`, without the headline. */
export function releaseNotes(changelog: string, tag: string, packageVersion: string): string {
  const version = tag.replace(/^v/, '');
  if (version !== packageVersion) {
    throw new Error(`the tag ${tag} is not the version in package.json, v${packageVersion}`);
  }
  const sections = changelog.split(SECTION).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  if (section === undefined) {
    throw new Error(`CHANGELOG.md has no section "## [${version}] - date": rename "Unreleased" before the release`);
  }
  // The last section of the file is followed by the addresses of the versions, if there are any.
  const notes = section.slice(section.indexOf('\n')).replace(/\n\[[^\]]+\]: \S+\s*/g, '\n');
  if (!/^- /m.test(notes)) throw new Error(`CHANGELOG.md says nothing about ${version}`);
  return `${notes.trim()}\n`;
}

if (import.meta.main) {
  const [tag = ''] = process.argv.slice(2);
  const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
  try {
    process.stdout.write(releaseNotes(read('CHANGELOG.md'), tag, JSON.parse(read('package.json')).version));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
