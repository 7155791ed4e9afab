/** How the page in src/web is built into dist/web. `npm run dev:web` serves it with an agent on DOCTOR_URL behind it. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const AGENT = process.env.DOCTOR_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  root: fileURLToPath(new URL('src/web', import.meta.url)),
  publicDir: false,
  build: {
    outDir: fileURLToPath(new URL('dist/web', import.meta.url)),
    emptyOutDir: true,
    // The browsers that have light-dark() and native dialogs, popovers and cascade layers.
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // A data: address would need another source in the Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rolldownOptions: {
      // Libraries mark their client modules for servers that render React.
      onLog: (level, log, handle) => {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') handle(level, log);
      },
    },
  },
  server: { proxy: Object.fromEntries(['/api', '/health'].map((path) => [path, AGENT])) },
});
