// What docs/FIRST-STEPS.md tells people to do, done.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { base } from './api.mjs';
import { png } from './picture.mjs';

const run = promisify(execFile);
const here = fileURLToPath(new URL('./', import.meta.url));

let folder;
let page;

before(async () => {
  page = await readFile(new URL('../../docs/FIRST-STEPS.md', import.meta.url), 'utf8');
  // Inside this folder, so that the packages are found.
  folder = await mkdtemp(join(here, '.first-steps-'));
});

after(async () => {
  await rm(folder, { recursive: true });
});

/** All code of one language, in order. */
function code(language) {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, block]) => block);
  assert.notEqual(blocks.length, 0);
  return blocks.join('\n');
}

const options = { env: { ...process.env, ATELIER_URL: base }, timeout: 60_000 };

/** The journey's end: a finished task and a picture with thumbnails. */
function arrived(output, filename) {
  assert.match(output, /SUCCEEDED/);
  assert.match(output, new RegExp(`"filename": "${filename}",\\s+"status": "ACTIVE"`));
  assert.match(output, /"format": "WEBP"/);
}

test('the lines for the shell lead from registering to thumbnails', async () => {
  const script = join(folder, 'steps.sh');
  await writeFile(script, `set -euo pipefail\n${code('sh')}`);
  const { stdout } = await run('bash', [script], options);
  arrived(stdout, 'pixel.png');
});

test('the program for Node does the same', async () => {
  const [program, picture] = [join(folder, 'steps.mjs'), join(folder, 'picture.png')];
  await writeFile(program, code('js'));
  await writeFile(picture, png(64, 48));
  const { stdout } = await run(process.execPath, [program, picture], options);
  arrived(stdout, 'picture.png');
});
