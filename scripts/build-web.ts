/**
 * Builds the page into dist/web. With `--if-needed`, only if it is missing or its sources have changed, and a failure
 * does not stop the agent: it runs without the page. Each file also gets a compressed copy, which the server sends.
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = path.join(ROOT, 'dist/web');
/** The hash of the sources that the page was built from. */
const STAMP = path.join(OUT, '.sources');
const INPUTS = [
  'src/web/**/*',
  'src/http/api/**/*',
  'src/domain/**/*',
  'src/lib/**/*',
  'vite.config.ts',
  'package-lock.json',
];

function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const file of globSync(INPUTS, { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()) {
    hash.update(`${path.relative(ROOT, file)}\n`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

async function build(): Promise<void> {
  // Read by Vite. React's development version is twice as large.
  process.env.NODE_ENV = 'production';
  const { build: viteBuild } = await import('vite');
  await viteBuild({ configFile: path.join(ROOT, 'vite.config.ts'), logLevel: 'warn' });
  for (const file of globSync('**/*.{js,css,html,svg}', { cwd: OUT })) {
    const content = readFileSync(path.join(OUT, file));
    writeFileSync(path.join(OUT, `${file}.gz`), gzipSync(content, { level: 9 }));
    writeFileSync(
      path.join(OUT, `${file}.br`),
      brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
    );
  }
  writeFileSync(STAMP, sourcesHash());
}

const ifNeeded = process.argv.includes('--if-needed');
const isCurrent = existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sourcesHash();
if (!ifNeeded) await build();
else if (!isCurrent) {
  console.error('building the page …');
  try {
    await build();
  } catch (error) {
    console.error(
      `the page could not be built; the agent runs without it: ${error instanceof Error ? error.message : error}`,
    );
  }
}
