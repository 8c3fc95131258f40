// Pictures to upload, made here so that each test has bytes of its own.

import { randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';

/** A PNG file (ISO/IEC 15948) of random colours in squares of 8 × 8 pixels. */
export function png(width, height) {
  const across = Math.ceil(width / 8);
  const colours = randomBytes(3 * across * Math.ceil(height / 8));
  const rows = [];
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(1 + 3 * width);
    for (let x = 0; x < width; x += 1) {
      const square = 3 * ((y >> 3) * across + (x >> 3));
      colours.copy(row, 1 + 3 * x, square, square + 3);
    }
    rows.push(row);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(name, data) {
  const checked = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const around = Buffer.alloc(8);
  around.writeUInt32BE(data.length, 0);
  around.writeUInt32BE(crc32(checked), 4);
  return Buffer.concat([around.subarray(0, 4), checked, around.subarray(4)]);
}

/** ISO 3309, as PNG wants it; zlib has it only in newer versions of Node. */
function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
