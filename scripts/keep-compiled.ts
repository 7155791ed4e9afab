/** Preloaded when bundle.ts starts the bundle. When the process ends, it writes the compiled code of each script beside it. */
import { writeFileSync } from 'node:fs';
import vm from 'node:vm';

const scripts: [file: string, vm.Script][] = [];

vm.Script = class extends vm.Script {
  constructor(source: string, options: vm.ScriptOptions & { readonly filename: string }) {
    super(source, options);
    scripts.push([options.filename, this]);
  }
};

process.on('exit', () => {
  for (const [file, script] of scripts) writeFileSync(`${file}.compiled`, script.createCachedData());
});
