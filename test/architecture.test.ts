/** The import rules of `src`, as one table. docs/architecture.md explains the folders. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
const LONGEST_FILE = 350;

const NODE = 'node:';
/** What every adapter may use: the domain, and the ports that it implements. */
const ADAPTER = [
  'domain/',
  'errors.ts',
  'lib/',
  'pipeline/ports/',
  'pipeline/observer.ts',
  'pipeline/detectors.ts',
  'pipeline/tracing.ts',
  NODE,
];

/**
 * What each part of `src` may import besides itself. The longest matching prefix applies. Entries that end in `/`
 * are folders of `src`, those that end in `.ts` are files of `src`, all others are packages.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'anything'>> = {
  'domain/': [],
  'version.ts': [NODE],
  'errors.ts': ['domain/'],
  'lib/': [NODE],
  'pipeline/': ['domain/', 'errors.ts', 'lib/', 're2js'],
  'config/': [
    ...ADAPTER,
    'notifiers/receiver-module.ts',
    'notifiers/registry.ts',
    'pipeline/policy/',
    'pipeline/detect/rules.ts',
    'yaml',
    'zod',
  ],
  // The adapter redacts the names of containers.
  'docker/': [...ADAPTER, 'redact/', 'dockerode'],
  'models/': [...ADAPTER, '@anthropic-ai/sdk', 'zod'],
  'notifiers/': [
    ...ADAPTER,
    'config/setting.ts',
    'pipeline/policy/filter.ts',
    'pipeline/notify/summary.ts',
    '@slack/',
    'zod',
  ],
  'store/': [...ADAPTER, 'kysely', 'pg'],
  'http/': [
    ...ADAPTER,
    'pipeline/incident/scorecard.ts',
    'version.ts',
    'express',
    'express-rate-limit',
    'sirv',
    'cookie',
    'zod',
    'zod-openapi',
  ],
  // Runs in the browser. Of the server it knows only types: see below.
  'web/': ['http/api/', 'http/scorecard.ts', 'react', 'react-dom', 'swr'],
  // A process of its own that reads the API over HTTP.
  'mcp/': [
    'domain/',
    'http/api/endpoints.ts',
    'http/api/responses.ts',
    'http/api/schemas/',
    'zod',
    '@modelcontextprotocol/sdk',
    NODE,
  ],
  'redact/': [...ADAPTER, '@secretlint/'],
  'telemetry/': [...ADAPTER, 'notifiers/registry.ts', 'version.ts', '@opentelemetry/', 'pino', 'pino-pretty'],
  'demo/': 'anything',
  'scan/': 'anything',
  'commands/': 'anything',
  'app/': 'anything',
  'main.ts': 'anything',
};

/** Only these may connect the other parts. */
const COMPOSITION = ['app/', 'commands/', 'demo/', 'scan/', 'main.ts'];

interface Import {
  readonly from: string;
  /** A path below `src`, or a package or Node module. */
  readonly to: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') || file.endsWith('.tsx'))
  .map((file) => file.split(path.sep).join('/'));

/** `import … from '…'`, `export … from '…'`, `import '…'` and `import('…')`, as Biome formats them. */
const IMPORT = /^(?:import|export|\}).* from '([^']+)';$|^import '([^']+)';$|\bimport\('([^']+)'\)/gm;

const imports: readonly Import[] = files.flatMap((from) =>
  Array.from(readFileSync(path.join(SRC, from), 'utf8').matchAll(IMPORT), (match) => {
    const specifier = match.slice(1).find((found) => found !== undefined) ?? '';
    return {
      from,
      to: specifier.startsWith('.')
        ? path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier))
        : specifier,
    };
  }),
);

function isWithin(file: string, prefix: string): boolean {
  return prefix.endsWith('/') || prefix.endsWith(':')
    ? file.startsWith(prefix)
    : file === prefix || file.startsWith(`${prefix}/`);
}

function partOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((part) => isWithin(file, part))
    .sort((a, b) => b.length - a.length)[0];
}

function isAllowed({ from, to }: Import): boolean {
  const part = partOf(from);
  if (part === undefined) return false;
  const allowed = MAY_IMPORT[part];
  return allowed === 'anything' || isWithin(to, part) || (allowed ?? []).some((prefix) => isWithin(to, prefix));
}

describe('src', () => {
  it("loads Slack's clients only on demand, because they take memory", () => {
    const atStart = new Set(['main.ts', 'commands/agent.ts']);
    const packages = new Set<string>();
    for (const file of atStart) {
      const text = readFileSync(path.join(SRC, file), 'utf8');
      for (const [, specifier = ''] of text.matchAll(/^(?:import(?! type)|export|\}).* from '([^']+)';$/gm)) {
        const target = path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier));
        if (!specifier.startsWith('.')) packages.add(specifier);
        else if (files.includes(target)) atStart.add(target);
      }
    }
    expect(atStart).toContain('notifiers/slack-app/slack-app.ts');
    expect([...packages].filter((name) => name.startsWith('@slack/'))).toEqual([]);
  });

  it('has import rules for every file', () => {
    expect(files.filter((file) => partOf(file) === undefined)).toEqual([]);
  });

  it.each(Object.keys(MAY_IMPORT))('%s imports only what the table allows', (part) => {
    const forbidden = imports.filter((one) => partOf(one.from) === part && !isAllowed(one));
    expect(forbidden.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('is connected only in app, commands, demo, scan and main.ts', () => {
    const known = imports.filter(
      ({ from, to }) =>
        COMPOSITION.some((part) => isWithin(to, part)) && !COMPOSITION.some((part) => isWithin(from, part)),
    );
    expect(known).toEqual([]);
  });

  it('gives the page only types of the server', () => {
    const values = files
      .filter((file) => file.startsWith('web/'))
      .flatMap((file) => readFileSync(path.join(SRC, file), 'utf8').match(/^import (?!type ).*http\/.*$/gm) ?? []);
    expect(values).toEqual([]);
  });

  it(`has no file of more than ${LONGEST_FILE} lines`, () => {
    const long = files
      .map((file) => ({ file, lines: readFileSync(path.join(SRC, file), 'utf8').split('\n').length - 1 }))
      .filter(({ lines }) => lines > LONGEST_FILE);
    expect(long).toEqual([]);
  });
});
