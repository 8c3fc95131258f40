import type { AtelierClient } from './client.js';
import {
  UploadCompleteDocument,
  UploadCreateDocument,
  UploadPartsSignDocument,
  type MediaErrorFragment,
  type SignedRequestFragment,
  type UploadCompleteMutation,
} from './generated.js';

/** What `uploadComplete` gives. */
export type Uploaded = UploadCompleteMutation['uploadComplete'];

/** The API refused the file; the reasons have stable codes. */
export class UploadRefused extends Error {
  constructor(readonly reasons: readonly MediaErrorFragment[]) {
    super(reasons.map((reason) => reason.message).join(' '));
    this.name = 'UploadRefused';
  }
}

/** How many parts are signed at a time. */
const BATCH = 100;

/** Uploads a file: plans it, sends its bytes to the object store, has the API take it up. */
export async function uploadFile(client: AtelierClient, filename: string, file: Blob): Promise<Uploaded> {
  const contentType = file.type || 'application/octet-stream';
  const { uploadCreate } = await client.request(UploadCreateDocument, {
    input: { filename, contentType, byteSize: file.size, instant: false },
  });
  const upload = uploadCreate.upload;
  if (!upload) throw new UploadRefused(uploadCreate.userErrors);
  if (upload.put) {
    await send(upload.put, file);
  } else {
    await sendParts(client, upload, file);
  }
  const { uploadComplete } = await client.request(UploadCompleteDocument, { input: { uploadId: upload.id } });
  if (uploadComplete.userErrors.length) throw new UploadRefused(uploadComplete.userErrors);
  return uploadComplete;
}

interface Parts {
  readonly id: string;
  readonly partSize: number;
  readonly partCount: number;
}

async function sendParts(client: AtelierClient, { id, partSize, partCount }: Parts, file: Blob): Promise<void> {
  for (let first = 1; first <= partCount; first += BATCH) {
    const count = Math.min(BATCH, partCount - first + 1);
    const parts = Array.from({ length: count }, (_, index) => ({ number: first + index }));
    const { uploadPartsSign } = await client.request(UploadPartsSignDocument, { input: { uploadId: id, parts } });
    if (uploadPartsSign.userErrors.length) throw new UploadRefused(uploadPartsSign.userErrors);
    for (const { number, request } of uploadPartsSign.parts) {
      await send(request, file.slice((number - 1) * partSize, number * partSize));
    }
  }
}

async function send({ method, url, headers }: SignedRequestFragment, body: Blob): Promise<void> {
  const response = await fetch(url, {
    method,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
    body,
  });
  if (!response.ok) throw new Error(`The object store answered ${response.status}.`);
}
