/** Generated documents are up to date, and documents refer only to files that exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { generatedDocs } from '../scripts/docs.ts';
import { DETECTORS } from '../src/domain/incident.ts';

const REPOSITORY = fileURLToPath(new URL('../', import.meta.url));
const read = (file: string): string => readFileSync(path.join(REPOSITORY, file), 'utf8');
const exists = (file: string): boolean => existsSync(path.join(REPOSITORY, file));

const documents = [
  ...readdirSync(REPOSITORY).filter((file) => file.endsWith('.md')),
  ...readdirSync(path.join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => path.posix.join('docs', file.split(path.sep).join('/'))),
];

describe('generated documents', () => {
  it.each(Object.entries(generatedDocs()))('%s is what `npm run docs` writes', (file, content) => {
    expect(read(file)).toBe(content);
  });
});

describe('docs/architecture.md', () => {
  const folders = readdirSync(path.join(REPOSITORY, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${path.relative(REPOSITORY, path.join(entry.parentPath, entry.name)).split(path.sep).join('/')}/`);

  it.each(folders)('describes %s', (folder) => {
    expect(read('docs/architecture.md')).toContain(`| \`${folder}\` |`);
  });
});

describe('docs/telemetry.md', () => {
  it('lists every detector', () => {
    const [, list = ''] = /`detector` is ([^|.;]+)/.exec(read('docs/telemetry.md')) ?? [];
    expect(list.trim().split(/, | or /)).toEqual([...DETECTORS]);
  });
});

describe('documents', () => {
  it.each(documents)('%s links only to files that exist', (document) => {
    const targets = Array.from(read(document).matchAll(/\]\(([^)\s]+)\)/g), (match) => match[1] ?? '')
      .filter((target) => !/^(https?:|#)/.test(target))
      .map((target) => path.posix.join(path.posix.dirname(document), target.replace(/#.*/, '')));
    expect(targets.filter((target) => !exists(target))).toEqual([]);
  });

  it.each(documents)('%s names only source and test files that exist', (document) => {
    const named = Array.from(
      read(document).matchAll(/`((?:src|test|scripts|grafana)\/[\w./-]*)`/g),
      (match) => match[1] ?? '',
    );
    expect(named.filter((file) => !exists(file))).toEqual([]);
  });
});
