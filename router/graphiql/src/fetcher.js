import { getOperationAST, parse } from 'graphql';
import { createClient as createEventClient } from 'graphql-sse';
import { createClient as createSocketClient } from 'graphql-ws';

/** How subscriptions reach the router. */
export const TRANSPORTS = { ws: 'WebSocket (graphql-transport-ws)', sse: 'Server-sent events (graphql-sse)' };

/**
 * GraphiQL's fetcher: queries and mutations by POST, subscriptions by the transport that is chosen
 * when they start.
 *
 * @param {object} options
 * @param {URL} options.endpoint
 * @param {URL} options.socketEndpoint
 * @param {() => Promise<string | undefined>} options.authorization value of the `Authorization` header
 * @param {() => keyof typeof TRANSPORTS} options.transport
 */
export function createFetcher({ endpoint, socketEndpoint, authorization, transport }) {
  /** The editor's headers win over the account's. */
  const headers = async (own = {}) => {
    const given = Object.keys(own).some((name) => name.toLowerCase() === 'authorization');
    const value = given ? undefined : await authorization();
    return { ...own, ...(value && { authorization: value }) };
  };

  return (params, { headers: own } = {}) => {
    const { operation, request } = read(params);
    if (operation?.operation !== 'subscription') {
      return post(endpoint, request, headers(own));
    }
    return transport() === 'sse'
      ? bySse(endpoint, request, () => headers(own))
      : bySocket(socketEndpoint, request, () => headers(own));
  };
}

/**
 * The operation that is meant, and the request for it. Right after a change of tabs GraphiQL still
 * gives the name of the operation (and the document) of the tab before.
 */
function read(params) {
  let document;
  try {
    document = parse(params.query);
  } catch {
    // The router says better what is wrong.
    return { request: params };
  }
  const named = getOperationAST(document, params.operationName);
  if (named) return { operation: named, request: params };
  const { operationName: _stale, ...request } = params;
  return { operation: getOperationAST(document), request };
}

async function post(endpoint, params, headers) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...(await headers),
    },
    body: JSON.stringify(params),
  });
  return answer(response);
}

/** The JSON of a response, whatever its status. */
async function answer(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The router answered ${response.status} with something that is not JSON: ${text.slice(0, 500)}`);
  }
}

async function* bySse(endpoint, params, headers) {
  const client = createEventClient({ url: endpoint.href, headers, retryAttempts: 0 });
  try {
    yield* client.iterate(params);
  } catch (reason) {
    // What was refused before the stream began is an ordinary answer.
    if (!reason?.response) throw reason;
    yield await answer(reason.response);
  } finally {
    client.dispose();
  }
}

/** One socket for each run: it carries the token of the moment at which it starts. */
async function* bySocket(endpoint, params, headers) {
  const client = createSocketClient({ url: endpoint.href, connectionParams: headers, retryAttempts: 0 });
  try {
    yield* client.iterate(params);
  } catch (reason) {
    throw closed(reason) ?? reason;
  } finally {
    client.dispose();
  }
}

/** A closed socket in words; GraphiQL would print an empty object. */
function closed(reason) {
  return typeof reason?.code === 'number'
    ? new Error(`The router closed the connection: ${reason.code} ${reason.reason ?? ''}`.trim())
    : null;
}
