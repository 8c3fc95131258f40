import { Buffer } from 'node:buffer';
import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { gzipSync } from 'fflate';

/** What gzip makes no smaller. */
const PACKED = /\.(woff2|png|gz)$/;

/**
 * Leaves of every asset only its gzip form (`x.js` becomes `x.js.gz`), so that the committed bundle
 * stays small; the router serves `x.js` from it with `Content-Encoding: gzip`. `index.html` stays as
 * it is.
 *
 * The compressor is JavaScript with a pinned version: zlib's output differs between builds of Node
 * and between processors, and the bundle must come out the same everywhere.
 */
export function gzipAssets() {
  let folder;
  return {
    name: 'gzip-assets',
    apply: 'build',
    configResolved(config) {
      folder = join(config.root, config.build.outDir, config.build.assetsDir);
    },
    async closeBundle() {
      for (const name of await readdir(folder)) {
        if (PACKED.test(name)) continue;
        const path = join(folder, name);
        await writeFile(`${path}.gz`, pack(await readFile(path)));
        await rm(path);
      }
    },
  };
}

/**
 * The bytes as one gzip member with neither name nor time in its header.
 *
 * @param {Uint8Array} bytes
 */
export function pack(bytes) {
  return Buffer.from(gzipSync(bytes, { level: 9, mtime: 0 }));
}
