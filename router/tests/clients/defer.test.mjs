// `@defer` with the clients people use.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental';
import { Client, fetchExchange } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import WebSocket from 'ws';
import { shop } from './server.mjs';

const QUERY = `{
  me { id name ... @defer(label: "reviews") { name reviews { id body } } }
  ... @defer(label: "again") { me { username reviews { id product { upc } } } }
  topProducts { upc name ...Stock @defer(label: "stock") }
}
fragment Stock on Product { inStock reviews { id author { id } } }`;
const WHOLE = QUERY.replaceAll(/@defer\(label: "\w+"\)/g, '');

let server;
before(async () => {
  server = await shop();
});
after(() => server.stop());

/** What a client without incremental delivery gets. */
async function whole() {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: QUERY }),
  });
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  return data;
}

function plain(value) {
  return JSON.parse(JSON.stringify(value, (key, inner) => (key === '__typename' ? undefined : inner)));
}

/** All answers a client shows for the query, up to the last one. */
function shown(client) {
  return new Promise((resolve, reject) => {
    const seen = [];
    client.watchQuery({ query: gql(QUERY) }).subscribe({
      next: (result) => {
        if (result.data) seen.push(result);
        if (result.error) reject(result.error);
        else if (result.dataState === 'complete') resolve(seen);
      },
      error: reject,
    });
  });
}

for (const [name, handler, accept] of [
  ['deferSpec 20220824', new Defer20220824Handler(), 'deferSpec=20220824'],
  ['incrementalSpec v0.2', new GraphQL17Alpha9Handler(), 'incrementalSpec=v0.2'],
]) {
  test(`Apollo Client: ${name}`, async () => {
    const types = [];
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      incrementalHandler: handler,
      link: new HttpLink({
        uri: server.url,
        fetch: async (url, options) => {
          const response = await fetch(url, options);
          types.push(response.headers.get('content-type'));
          return response;
        },
      }),
    });
    const seen = await shown(client);
    assert.equal(types.length, 1);
    assert.match(types[0], /^multipart\/mixed/);
    assert.ok(types[0].includes(accept), types[0]);
    assert.equal(seen[0].dataState, 'streaming');
    assert.equal(seen[0].data.me.name, 'Ada');
    assert.equal(seen[0].data.me.reviews, undefined);
    assert.deepEqual(plain(seen.at(-1).data), await whole());
    client.stop();
  });
}

test('urql: pieces by fetch', async () => {
  const client = new Client({ url: server.url, preferGetMethod: false, exchanges: [fetchExchange] });
  const seen = await new Promise((resolve) => {
    const results = [];
    client.query(QUERY, {}).subscribe((result) => {
      results.push(result);
      if (!result.hasNext) resolve(results);
    });
  });
  assert.equal(seen.at(-1).error, undefined);
  assert.equal(seen[0].hasNext, true);
  assert.deepEqual(plain(seen.at(-1).data), await whole());
});

/** Puts pieces named by path together. */
function assemble(messages) {
  const [first, ...rest] = messages;
  const { data } = structuredClone(first);
  const merge = (into, from) => {
    for (const [key, value] of Object.entries(from)) {
      if (value && typeof value === 'object' && into[key]) merge(into[key], value);
      else into[key] = value;
    }
  };
  for (const { incremental } of rest) {
    for (const piece of incremental) {
      merge(piece.path.reduce((at, key) => at[key], data), piece.data);
    }
  }
  assert.deepEqual(messages.map((message) => message.hasNext), [...rest.map(() => true), false]);
  return data;
}

async function collect(events) {
  const seen = [];
  for await (const event of events) seen.push(event);
  return seen;
}

test('graphql-ws: pieces are messages of one operation', async () => {
  const client = createWs({ url: server.url.replace('http', 'ws'), webSocketImpl: WebSocket });
  assert.deepEqual(assemble(await collect(client.iterate({ query: QUERY }))), await whole());
  const one = await collect(client.iterate({ query: WHOLE }));
  assert.equal(one.length, 1);
  assert.equal('hasNext' in one[0], false);
  await client.dispose();
});

/** Puts pieces named by id together; no field may come twice. */
function assembleById(messages) {
  const data = structuredClone(messages[0].data);
  const pending = new Map();
  for (const message of messages) {
    for (const { id, path } of message.pending ?? []) pending.set(id, path);
    for (const { id, subPath = [], data: fields } of message.incremental ?? []) {
      const at = [...pending.get(id), ...subPath].reduce((into, key) => into[key], data);
      for (const [key, value] of Object.entries(fields)) {
        assert.equal(key in at, false, `${key} comes twice`);
        at[key] = value;
      }
    }
    for (const { id } of message.completed ?? []) assert.ok(pending.delete(id));
  }
  assert.equal(pending.size, 0);
  return data;
}

test('graphql-ws: pieces by id for those who ask', async () => {
  const client = createWs({ url: server.url.replace('http', 'ws'), webSocketImpl: WebSocket });
  const extensions = { incrementalSpec: 'v0.2' };
  const seen = await collect(client.iterate({ query: QUERY, extensions }));
  assert.deepEqual(assembleById(seen), await whole());
  await client.dispose();
});

for (const singleConnection of [false, true]) {
  test(`graphql-sse: pieces are events, single connection: ${singleConnection}`, async () => {
    const client = createSse({ url: server.url, singleConnection });
    assert.deepEqual(assemble(await collect(client.iterate({ query: QUERY }))), await whole());
    client.dispose();
  });
}
