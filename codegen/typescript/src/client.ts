import { createClient, type Client } from 'graphql-ws';

import type { TypedDocumentString } from './generated.js';

/** One entry of a response's `errors`. */
export interface GraphQLProblem {
  readonly message: string;
  readonly path?: readonly (string | number)[];
  readonly extensions?: { readonly code?: string; readonly numericCode?: number; readonly requestId?: string };
}

/** A request that did not fully succeed. `data` holds what did. */
export class GraphQLFailure extends Error {
  constructor(
    readonly problems: readonly GraphQLProblem[],
    readonly data: unknown,
  ) {
    super(problems.map((problem) => problem.message).join(' '));
    this.name = 'GraphQLFailure';
  }

  /** The first problem's stable code. */
  get code(): string | undefined {
    return this.problems[0]?.extensions?.code;
  }
}

export interface ClientOptions {
  /** Where the API is: `http://127.0.0.1:4000/graphql`. */
  readonly url: string;
  /** The access token of the moment; asked for before each request. */
  readonly token?: () => string | undefined | Promise<string | undefined>;
  /** Instead of the platform's own. */
  readonly fetch?: typeof fetch;
  /** Needed where the platform has no `WebSocket`. */
  readonly webSocket?: unknown;
}

/** Queries and mutations over HTTP, subscriptions over graphql-transport-ws, typed by their documents. */
export class AtelierClient {
  readonly #options: ClientOptions;
  #socket: Client | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Runs a query or mutation. Fails with {@link GraphQLFailure} if the answer has any errors. */
  async request<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Data> {
    const response = await (this.#options.fetch ?? fetch)(this.#options.url, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
        ...(await this.#authorization()),
      },
      body: JSON.stringify({ query: document.toString(), variables }),
      signal: signal ?? null,
    });
    const answer = (await response.json()) as { data?: Data; errors?: GraphQLProblem[] };
    if (answer.errors?.length || answer.data === undefined) {
      throw new GraphQLFailure(answer.errors ?? [{ message: `HTTP ${response.status}` }], answer.data);
    }
    return answer.data;
  }

  /** Follows a subscription until it ends or the loop over it does. */
  async *subscribe<Data, Variables extends Record<string, unknown>>(
    document: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): AsyncGenerator<Data> {
    this.#socket ??= createClient({
      url: this.#options.url.replace(/^http/, 'ws'),
      connectionParams: () => this.#authorization(),
      ...(this.#options.webSocket !== undefined && { webSocketImpl: this.#options.webSocket }),
    });
    for await (const { data, errors } of this.#socket.iterate<Data>({ query: document.toString(), variables })) {
      if (errors?.length || !data) throw new GraphQLFailure((errors ?? []) as unknown as GraphQLProblem[], data);
      yield data;
    }
  }

  /** Closes the socket, if there is one. */
  async dispose(): Promise<void> {
    await this.#socket?.dispose();
    this.#socket = undefined;
  }

  async #authorization(): Promise<Record<string, string>> {
    const token = await this.#options.token?.();
    return token ? { authorization: `Bearer ${token}` } : {};
  }
}
