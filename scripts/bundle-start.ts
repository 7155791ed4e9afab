/**
 * `main.js` of the bundle: runs its scripts with the compiled code that bundle.ts has kept beside them. Node's own cache,
 * NODE_COMPILE_CACHE, keeps all the bytes that it has read: 3 MiB.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';

const modules = new Map<string, { readonly exports: unknown }>();

function load(file: string): unknown {
  const known = modules.get(file);
  if (known !== undefined) return known.exports;
  const module = { exports: {} };
  modules.set(file, module);
  const compiled = `${file}.compiled`;
  const script = new vm.Script(readFileSync(file, 'latin1'), {
    filename: file,
    // V8 ignores the code of another version, and of other flags.
    ...(existsSync(compiled) ? { cachedData: readFileSync(compiled) } : {}),
    // Secretlint imports modules of Node when it needs them.
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const folder = path.dirname(file);
  const requireOther = createRequire(file);
  const requireHere = (id: string) => (id.startsWith('.') ? load(path.join(folder, id)) : requireOther(id));
  // With its properties: OpenTelemetry's instrumentation reads `require.cache`.
  const require = Object.assign(requireHere, requireOther);
  script.runInThisContext()(module.exports, require, module, file, folder);
  return module.exports;
}

load(path.join(import.meta.dirname, 'parts/main.js'));
