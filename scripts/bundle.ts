/**
 * Bundles the agent for the image: `node scripts/bundle.ts [FOLDER]`; FOLDER must be called `dist`, by default the
 * project's. The image then needs no `node_modules`. With 1,400 modules there, the agent took 112 MiB and 1.9 s of CPU to
 * start (no containers).
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type InputOptions, type OutputOptions, type Plugin, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const exporters = (name: string, exported: string) =>
  Object.fromEntries(
    ['http', 'proto', 'grpc'].map((kind) => [`@opentelemetry/exporter-${name}-otlp-${kind}`, [exported]]),
  );

/**
 * Packages that are imported always and used rarely, and what is imported from them: each file is loaded at the first
 * use of one of its exports.
 */
const LAZY: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  // express needs it for encodings other than UTF-8, but asks it for each request with a body.
  'iconv.cjs': { 'iconv-lite': ['decode', 'encodingExists', 'getDecoder'] },
  // The SDK imports all protocols. One or none is configured.
  'otlp.cjs': {
    ...exporters('trace', 'OTLPTraceExporter'),
    ...exporters('metrics', 'OTLPMetricExporter'),
    ...exporters('logs', 'OTLPLogExporter'),
  },
  'postgres.cjs': { pg: ['default'] },
  'pretty.cjs': { 'pino-pretty': ['default'] },
  're2.cjs': { re2js: ['RE2JS', 'RE2Set'] },
  'yaml.cjs': { yaml: ['isMap', 'isScalar', 'LineCounter', 'parseDocument'] },
};
/**
 * What dockerode needs to build images and to connect over SSH, which the agent does not do, and what `debug` looks for to
 * colour its messages.
 */
const UNUSED = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
  'supports-color',
];
/**
 * Modules of Node that are imported always and used only with TLS: without them the agent takes 2 MiB less, because `tls`
 * also reads all root certificates.
 */
const TLS_BUILTINS = new Set(['https', 'tls']);
const REPLACED = '\0replaced:';
const BUILTIN = '\0builtin:';

const fileOf = new Map(Object.entries(LAZY).flatMap(([file, names]) => Object.keys(names).map((name) => [name, file])));

const replaced: Plugin = {
  name: 'replaced',
  resolveId: (id) => (fileOf.has(id) || UNUSED.includes(id) ? `${REPLACED}${id}` : null),
  load(id) {
    if (!id.startsWith(REPLACED)) return null;
    const name = id.slice(REPLACED.length);
    const file = fileOf.get(name);
    if (file === undefined) return 'export default {};';
    const names = LAZY[file]?.[name] ?? [];
    return `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const loaded = () => require('../${file}')['${name}'];
const lazy = (name) => {
  const get = () => (name === 'default' ? loaded() : loaded()[name]);
  return new Proxy(function () {}, {
    get: (_, key) => get()[key],
    apply: (_, self, args) => get()(...args),
    construct: (_, args) => new (get())(...args),
  });
};
${names.map((one, at) => `const x${at} = lazy('${one}');\nexport { x${at} as ${one} };`).join('\n')}`;
  },
};

/** Loads a module of `TLS_BUILTINS` at the first use of one of its exports. */
const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  resolveId(id) {
    const name = id.replace(/^node:/, '');
    return TLS_BUILTINS.has(name) ? `${BUILTIN}${name}` : null;
  },
  load(id) {
    if (!id.startsWith(BUILTIN)) return null;
    const name = `node:${id.slice(BUILTIN.length)}`;
    const names = Object.keys(createRequire(import.meta.url)(name));
    return `const loaded = () => process.getBuiltinModule('${name}');
module.exports = { ${names.map((one) => `get ${one}() { return loaded().${one}; }`).join(', ')} };`;
  },
};

/** express knows 2,500 media types. Those of vendors and of media take 1 MiB, and the agent serves none of them. */
const fewMediaTypes: Plugin = {
  name: 'few-media-types',
  transform: {
    filter: { id: /\/mime-db\/db\.json$/ },
    handler(text) {
      const kept = ([name]: [string, unknown]) => /^(text|image|font|application)\/(?!vnd|x-)/.test(name);
      return JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).filter(kept)));
    },
  },
};

/** The module of a lazy file: all its packages. */
function packagesOf(file: string): Plugin {
  const names = Object.keys(LAZY[file] ?? {});
  // The exporters' ES modules find gRPC with a `require` that a bundler cannot see.
  const text = names.map((name) => `exports['${name}'] = require('${name}');`).join('\n');
  return {
    name: 'packages',
    resolveId: (id) => (id === file ? `${REPLACED}all` : null),
    load: (id) => (id === `${REPLACED}all` ? text : null),
  };
}

/**
 * Escapes non-ASCII characters in the scripts of `folder`. They would double the memory of a script's text (3 MiB in all):
 * V8 keeps one or two bytes for each character.
 */
function toAscii(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!/\.c?js$/.test(name)) continue;
    const file = path.join(folder, name);
    const escaped = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
    writeFileSync(file, readFileSync(file, 'utf8').replace(/[^\0-\x7f]/g, escaped));
  }
}

/** The licenses of the packages in the bundle, which ask to be distributed with it. */
function licensesOf(moduleIds: Iterable<string>): string {
  const folders = new Set<string>();
  for (const id of moduleIds) {
    const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0];
    if (folder !== undefined && existsSync(path.join(folder, 'package.json'))) folders.add(folder);
  }
  return [...folders]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const file = readdirSync(folder).find((one) => /^licen[sc]e/i.test(one));
      const text = file === undefined ? '' : `\n${readFileSync(path.join(folder, file), 'utf8').trim()}\n`;
      return `${name} ${version}: ${license}\n${text}`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

async function bundle(folder: string): Promise<void> {
  const common: InputOptions = {
    cwd: ROOT,
    platform: 'node',
    external: [/\.node$/, 'pg-native', 'cpu-features'],
    // A missing export is of a replaced package, and unused: the bundler would warn of it otherwise.
    shimMissingExports: true,
    logLevel: 'silent',
  };
  // Not ES modules: to import a module of Node reads all its exports, and one of `http` loads the client of `fetch`, 2 MiB.
  const output: OutputOptions = { dir: folder, format: 'cjs', minify: true };
  const parts = path.join(folder, 'parts');
  const agent = await rolldown({ ...common, input: 'src/main.ts', plugins: [replaced, lazyBuiltins, fewMediaTypes] });
  const written = [await agent.write({ ...output, dir: parts, chunkFileNames: '[name]-[hash].js' })];
  for (const file of Object.keys(LAZY)) {
    const lazy = await rolldown({ ...common, input: { file }, plugins: [packagesOf(file)] });
    written.push(await lazy.write({ ...output, entryFileNames: file }));
  }
  for (const scripts of [folder, parts]) toAscii(scripts);
  writeFileSync(path.join(folder, 'main.js'), "require('./parts/main.js');\n");
  const modules = written.flatMap(({ output }) => output.flatMap((one) => (one.type === 'chunk' ? one.moduleIds : [])));
  writeFileSync(path.join(folder, 'licenses.txt'), licensesOf(modules));
  // For `readVersion`, which looks for it in the folder above its own file.
  const { name, version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version, type: 'commonjs' }));
}

await bundle(path.resolve(process.argv[2] ?? path.join(ROOT, 'dist')));
