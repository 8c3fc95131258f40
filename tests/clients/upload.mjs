// Uploads a file: asks where to send it, sends it there by plain PUTs, completes.

import { change } from './api.mjs';

const CREATE = `mutation($input: UploadCreateInput!) {
  uploadCreate(input: $input) {
    upload { id strategy partSize partCount put { method url headers { name value } } }
    userErrors { code message path }
  }
}`;
const SIGN = `mutation($input: UploadPartsSignInput!) {
  uploadPartsSign(input: $input) {
    parts { number request { method url headers { name value } } }
    userErrors { code message path }
  }
}`;
const COMPLETE = `mutation($input: UploadCompleteInput!) {
  uploadComplete(input: $input) {
    upload { status }
    asset { id status byteSize }
    task { id }
    userErrors { code message path }
  }
}`;

/** What `uploadCreate` plans for these bytes. */
export async function create(token, { filename, contentType, bytes }) {
  const input = { filename, contentType, byteSize: bytes.length };
  return (await change(CREATE, input, token)).upload;
}

/** Sends what the plan asks for. */
export async function send(token, upload, bytes) {
  if (upload.strategy === 'SINGLE_PUT') return put(upload.put, bytes);
  const numbers = Array.from({ length: upload.partCount }, (_, index) => ({ number: index + 1 }));
  const { parts } = await change(SIGN, { uploadId: upload.id, parts: numbers }, token);
  for (const { number, request } of parts) {
    const start = (number - 1) * upload.partSize;
    await put(request, bytes.subarray(start, start + upload.partSize));
  }
}

/** Has the server look at what has arrived. */
export function complete(token, upload) {
  return change(COMPLETE, { uploadId: upload.id }, token);
}

async function put({ method, url, headers }, body) {
  const response = await fetch(url, {
    method,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
    body,
  });
  if (!response.ok) throw new Error(`${method} gave ${response.status}: ${await response.text()}`);
}
