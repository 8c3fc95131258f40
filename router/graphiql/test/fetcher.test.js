import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';

import { createFetcher } from '../src/fetcher.js';

let server;
let endpoint;
let seen;
let respond;

before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ ...request.headers, body: JSON.parse(body) });
    respond(response);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  endpoint = new URL(`http://127.0.0.1:${server.address().port}/graphql`);
});

after(() => server.close());

function fetcher() {
  seen = [];
  return createFetcher({
    endpoint,
    socketEndpoint: endpoint,
    authorization: async () => 'Bearer account',
    transport: () => 'sse',
  });
}

const query = { query: '{ a }' };
const subscription = { query: 'subscription { b }' };

async function collect(results) {
  const all = [];
  for await (const result of results) all.push(result);
  return all;
}

test('a query carries the token of the account', async () => {
  respond = (response) => response.end('{"data":{"a":1}}');
  assert.deepEqual(await fetcher()(query), { data: { a: 1 } });
  assert.equal(seen[0].authorization, 'Bearer account');
});

test("a header of the editor's own wins", async () => {
  respond = (response) => response.end('{"data":{"a":1}}');
  await fetcher()(query, { headers: { Authorization: 'Bearer own' } });
  assert.equal(seen[0].authorization, 'Bearer own');
});

test('an operation name left over from another tab is not sent', async () => {
  respond = (response) => response.end('{"data":{"a":1}}');
  await fetcher()({ ...query, operationName: 'Other' });
  assert.deepEqual(seen[0].body, query);
});

test('one of several operations is sent by its name', async () => {
  respond = (response) => response.end('{"data":{"a":1}}');
  const params = { query: 'query A { a } subscription B { b }', operationName: 'A' };
  await fetcher()(params);
  assert.deepEqual(seen[0].body, params);
});

test('what does not parse is left to the router', async () => {
  respond = (response) => response.end('{"errors":[{"message":"no"}]}');
  assert.deepEqual(await fetcher()({ query: '{' }), { errors: [{ message: 'no' }] });
});

test('an answer that is not JSON is told with its status', async () => {
  respond = (response) => response.writeHead(502).end('<h1>Bad Gateway</h1>');
  await assert.rejects(fetcher()(query), /502.*Bad Gateway/);
});

test('a subscription gives each event', async () => {
  respond = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: next\ndata: {"data":{"b":1}}\n\n');
    response.write('event: next\ndata: {"data":{"b":2}}\n\n');
    response.end('event: complete\ndata:\n\n');
  };
  const events = await collect(fetcher()(subscription));
  assert.deepEqual(events, [{ data: { b: 1 } }, { data: { b: 2 } }]);
  assert.equal(seen[0].authorization, 'Bearer account');
});

test('a refused subscription shows the refusal', async () => {
  respond = (response) => response.writeHead(401).end('{"errors":[{"message":"Sign in."}]}');
  const events = await collect(fetcher()(subscription));
  assert.deepEqual(events, [{ errors: [{ message: 'Sign in.' }] }]);
});
