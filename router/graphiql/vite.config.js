import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

import { gzipAssets } from './build/gzip-assets.js';
import { licenses } from './build/licenses.js';
import { withoutFonts } from './build/without-fonts.js';

const notices = licenses();

export default defineConfig({
  // Relative addresses: the page also works below a path prefix.
  base: './',
  plugins: [withoutFonts(), react(), notices.collect, notices.write, gzipAssets()],
  worker: { plugins: () => [notices.collect] },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    // Monaco alone is larger than Vite's warning limit.
    chunkSizeWarningLimit: 5000,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      onLog(level, log, report) {
        // Directives to a compiler that has already run over these packages.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') report(level, log);
      },
    },
  },
  server: {
    // `npm run dev` beside a running router.
    proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true } },
  },
});
