import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { pack } from '../build/gzip-assets.js';

const bytes = new TextEncoder().encode('const answer = 42;\n'.repeat(500));

test('what is packed is plain gzip, and smaller', () => {
  const packed = pack(bytes);
  assert.deepEqual(new Uint8Array(gunzipSync(packed)), bytes);
  assert.ok(packed.length < bytes.length / 10);
});

test('the time of the build is not in the bytes', () => {
  assert.deepEqual(pack(bytes).subarray(4, 8), Buffer.alloc(4));
});
