// The clients people use, against the router.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core';
import { createClient as createSse } from 'graphql-sse';
import { createClient as createWs } from 'graphql-ws';
import { getIntrospectionQuery, buildClientSchema } from 'graphql';
import WebSocket from 'ws';
import { shop } from './server.mjs';

const ME = '{ me { name reviews { body product { name inStock } } } }';
const COUNT = 'subscription { countTo(n: 3) }';
const CHANGED = 'subscription { productChanged { name inStock } }';

let server;
let socketUrl;
before(async () => {
  server = await shop();
  socketUrl = server.url.replace('http', 'ws');
});
after(() => server.stop());

async function collect(events, most = Infinity) {
  const seen = [];
  for await (const event of events) {
    seen.push(event);
    if (seen.length === most) break;
  }
  return seen;
}

test('graphql-ws: subscriptions, queries, several at once', async () => {
  const client = createWs({ url: socketUrl, webSocketImpl: WebSocket });
  const [counted, changed, me] = await Promise.all([
    collect(client.iterate({ query: COUNT })),
    collect(client.iterate({ query: CHANGED }), 2),
    collect(client.iterate({ query: ME })),
  ]);
  assert.deepEqual(counted.map((event) => event.data.countTo), [1, 2, 3]);
  assert.equal(changed.length, 2);
  assert.ok(changed.every((event) => event.data.productChanged.name));
  assert.equal(me[0].data.me.reviews[0].product.inStock, true);
  await assert.rejects(collect(client.iterate({ query: 'subscription { nothing }' })));
  await client.dispose();
});

test('graphql-sse: distinct connections', async () => {
  const client = createSse({ url: server.url, singleConnection: false });
  const counted = await collect(client.iterate({ query: COUNT }));
  assert.deepEqual(counted.map((event) => event.data.countTo), [1, 2, 3]);
  const me = await collect(client.iterate({ query: ME }));
  assert.equal(me[0].data.me.name, 'Ada');
  client.dispose();
});

test('graphql-sse: a single connection for several operations', async () => {
  const client = createSse({ url: server.url, singleConnection: true });
  const [counted, changed, me] = await Promise.all([
    collect(client.iterate({ query: COUNT })),
    collect(client.iterate({ query: CHANGED }), 2),
    collect(client.iterate({ query: ME })),
  ]);
  assert.deepEqual(counted.map((event) => event.data.countTo), [1, 2, 3]);
  assert.equal(changed.length, 2);
  assert.equal(me[0].data.me.name, 'Ada');
  client.dispose();
});

test('Apollo Client: HTTP and graphql-ws', async () => {
  const socket = createWs({ url: socketUrl, webSocketImpl: WebSocket });
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === 'subscription',
      new GraphQLWsLink(socket),
      new HttpLink({ uri: server.url }),
    ),
  });
  const { data } = await client.query({ query: gql(ME) });
  assert.equal(data.me.name, 'Ada');
  const renamed = await client.mutate({
    mutation: gql('mutation { productRename(upc: "1", name: "Desk") { name inStock } }'),
  });
  assert.equal(renamed.data.productRename.inStock, true);
  const seen = await new Promise((resolve, reject) => {
    const values = [];
    client.subscribe({ query: gql(COUNT) }).subscribe({
      next: ({ data }) => values.push(data.countTo),
      error: reject,
      complete: () => resolve(values),
    });
  });
  assert.deepEqual(seen, [1, 2, 3]);
  await socket.dispose();
});

test('urql: queries, and subscriptions by fetch', async () => {
  const client = new Client({
    url: server.url,
    preferGetMethod: true,
    exchanges: [cacheExchange, fetchExchange],
  });
  const result = await client.query(ME, {}).toPromise();
  assert.equal(result.error, undefined);
  assert.equal(result.data.me.name, 'Ada');
  const socket = createWs({ url: socketUrl, webSocketImpl: WebSocket });
  const streaming = new Client({
    url: server.url,
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }),
        }),
      }),
    ],
  });
  const event = await new Promise((resolve) => {
    const subscription = streaming.subscription(CHANGED, {}).subscribe((result) => {
      resolve(result);
      setImmediate(() => subscription.unsubscribe());
    });
  });
  assert.equal(event.error, undefined);
  assert.ok(event.data.productChanged.name);
  await socket.dispose();
});

test('the schema a client builds from introspection is complete', async () => {
  const response = await fetch(server.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      query: getIntrospectionQuery({
        specifiedByUrl: true,
        directiveIsRepeatable: true,
        schemaDescription: true,
        inputValueDeprecation: true,
        oneOf: true,
      }),
    }),
  });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined);
  const schema = buildClientSchema(data);
  assert.ok(schema.getQueryType().getFields().topProducts);
  assert.equal(schema.getType('Product').getFields().dimensions.type.toString(), 'Dimensions!');
});
