// Subscriptions by the two client libraries, both as async iterables of results.

import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';
import WebSocket from 'ws';

import { endpoint, socketEndpoint } from './api.mjs';

/** How long a test waits for what it follows. */
const DEADLINE_MS = 60_000;

/** Over a WebSocket with the protocol graphql-transport-ws. */
export function bySocket(token, query, variables) {
  const client = createSocketClient({
    url: socketEndpoint,
    webSocketImpl: WebSocket,
    connectionParams: token ? { authorization: `Bearer ${token}` } : {},
    retryAttempts: 0,
  });
  return { results: client.iterate({ query, variables }), dispose: () => client.dispose() };
}

/** Over server-sent events, one connection per subscription. */
export function byEvents(token, query, variables) {
  const client = createEventClient({
    url: endpoint,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    retryAttempts: 0,
  });
  return { results: client.iterate({ query, variables }), dispose: () => client.dispose() };
}

/** Gathers results until one is the last, or the stream ends; fails after a minute. */
export async function until(isLast, { results, dispose }) {
  const seen = [];
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing more came after ${JSON.stringify(seen)}`)), DEADLINE_MS);
  });
  const gather = async () => {
    for await (const result of results) {
      seen.push(result);
      if (isLast(result)) break;
    }
    return seen;
  };
  try {
    return await Promise.race([gather(), late]);
  } finally {
    clearTimeout(timer);
    await dispose();
  }
}
