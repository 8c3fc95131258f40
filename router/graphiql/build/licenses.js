import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The package that a module's file belongs to: the last `node_modules/name` of its path. */
const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENSE = /^(licen[cs]e|thirdpartynotices)/i;

/** Puts the licences of all packages in the bundle beside it, which their terms ask for. */
export function licenses() {
  const folders = new Set();
  const collect = {
    name: 'licenses-collect',
    generateBundle(_options, bundle) {
      for (const chunk of Object.values(bundle)) {
        for (const id of Object.keys(chunk.modules ?? {})) {
          const folder = PACKAGE.exec(id)?.[1];
          // Virtual modules begin with a zero byte.
          if (folder) folders.add(folder.replace('\0', ''));
        }
      }
    },
  };
  const write = {
    name: 'licenses-write',
    apply: 'build',
    // After the workers, which are bundles of their own.
    enforce: 'post',
    async generateBundle() {
      const texts = await Promise.all([...folders].map(notice));
      const source = [...new Set(texts)].sort().join('\n\n');
      this.emitFile({ type: 'asset', fileName: 'assets/licenses.txt', source });
    },
  };
  return { collect, write };
}

async function notice(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => LICENSE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.replaceAll('\r\n', '\n').trim())].join('\n\n');
}
