import { AtelierClient } from './client.js';
import { AuthTokenRefreshDocument } from './generated.js';
import { exclusively, type Locks } from './exclusive.js';

/** What a sign-in, a registration or a refresh gives. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** Known after a sign-in; to be shown at the next one. */
  readonly deviceToken?: string | null;
}

/** `localStorage`, or anything like it. What shares it shares the session. */
export interface TokenStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface SessionOptions {
  /** Where the API is: `http://127.0.0.1:4000/graphql`. */
  readonly url: string;
  /** Where tokens are kept; `localStorage` where there is one, otherwise this object's memory. */
  readonly storage?: TokenStorage;
  /** What the session is called in the storage. */
  readonly name?: string;
  /** Instead of the platform's own; `null` for a platform without. */
  readonly locks?: Locks | null;
  /** Instead of the platform's own. */
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** An access token with less time left than this, in milliseconds, is renewed before it is used. */
const EARLY = 30_000;
/** The longest time that a refresh may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * A session that all tabs of a browser share: whichever first notices that the access token runs out
 * refreshes it, and the others take what it got.
 *
 * ```ts
 * const session = new SharedSession({ url });
 * const client = new AtelierClient({ url, token: session.token });
 * ```
 */
export class SharedSession {
  readonly #storage: TokenStorage;
  readonly #name: string;
  readonly #locks: Locks | undefined;
  readonly #client: AtelierClient;
  readonly #now: () => number;
  #refreshing: Promise<string | undefined> | undefined;

  constructor(options: SessionOptions) {
    this.#storage = options.storage ?? platformStorage() ?? new Memory();
    this.#name = options.name ?? 'atelier.session';
    this.#locks = options.locks === null ? undefined : (options.locks ?? globalThis.navigator?.locks);
    this.#now = options.now ?? Date.now;
    this.#client = new AtelierClient({ url: options.url, ...(options.fetch && { fetch: options.fetch }) });
  }

  /** Takes over what a sign-in or a registration gave. */
  keep(tokens: Tokens): void {
    const { accessToken, refreshToken, expiresAt, deviceToken } = tokens;
    this.#storage.setItem(this.#name, JSON.stringify({ accessToken, refreshToken, expiresAt }));
    if (deviceToken) this.#storage.setItem(this.#device, deviceToken);
  }

  /** Forgets the session, after signing out. The device token stays, for the next sign-in. */
  forget(): void {
    this.#storage.removeItem(this.#name);
  }

  /** The `deviceToken` to sign in with, if somebody has signed in here before. */
  get deviceToken(): string | undefined {
    return this.#storage.getItem(this.#device) ?? undefined;
  }

  /** The access token of the moment; undefined when nobody is signed in. Renews it where need be. */
  readonly token = async (): Promise<string | undefined> => {
    const stored = this.#read();
    if (!stored || this.#fresh(stored)) return stored?.accessToken;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  };

  get #device(): string {
    return `${this.#name}.device`;
  }

  #refresh(): Promise<string | undefined> {
    return exclusively(`${this.#name}.refresh`, this.#storage, this.#locks, async () => {
      // Another tab may have done it while this one waited.
      const stored = this.#read();
      if (!stored || this.#fresh(stored)) return stored?.accessToken;
      const { refreshToken } = stored;
      // When no answer comes, the token stays: trying again soon gives the same answer.
      const { authTokenRefresh } = await this.#client.request(
        AuthTokenRefreshDocument,
        { input: { refreshToken } },
        AbortSignal.timeout(PATIENCE),
      );
      if (authTokenRefresh.tokens) {
        this.keep(authTokenRefresh.tokens);
      } else if (this.#read()?.refreshToken === refreshToken) {
        this.forget();
      }
      return this.#read()?.accessToken;
    });
  }

  #read(): Tokens | undefined {
    const text = this.#storage.getItem(this.#name);
    try {
      return text === null ? undefined : (JSON.parse(text) as Tokens);
    } catch {
      return undefined;
    }
  }

  #fresh(tokens: Tokens): boolean {
    return Date.parse(tokens.expiresAt) - this.#now() > EARLY;
  }
}

class Memory implements TokenStorage {
  readonly #items = new Map<string, string>();
  getItem(key: string): string | null {
    return this.#items.get(key) ?? null;
  }
  setItem(key: string, value: string): void {
    this.#items.set(key, value);
  }
  removeItem(key: string): void {
    this.#items.delete(key);
  }
}

function platformStorage(): TokenStorage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    // Refused by the browser's settings.
    return undefined;
  }
}
