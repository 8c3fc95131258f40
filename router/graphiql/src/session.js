/**
 * Who is signed in, as this browser tab knows it.
 *
 * Kept in the tab's own storage: closing the tab signs out, and no other tab reads the token.
 *
 * @typedef {object} Session
 * @property {string} accessToken
 * @property {string} [refreshToken]
 * @property {string} [expiresAt] RFC 3339
 * @property {string} [username] who the token speaks for, as far as it is known
 */

const KEY = 'atelier:session';

/** A token is renewed this long before it runs out. */
const RENEW_BEFORE_MS = 30_000;

export class SessionStore {
  #storage;
  #listeners = new Set();
  #session;
  #renewing = null;

  /** @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} storage */
  constructor(storage) {
    this.#storage = storage;
    this.#session = read(storage);
  }

  /** @returns {Session | null} */
  get = () => this.#session;

  /** Calls `listener` after each change; gives the function that ends this. */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** @param {Session | null} session `null` signs out */
  set(session) {
    this.#session = session;
    if (session) {
      this.#storage.setItem(KEY, JSON.stringify(session));
    } else {
      this.#storage.removeItem(KEY);
    }
    for (const listener of this.#listeners) listener();
  }

  /**
   * The `Authorization` header's value, with a token that is still good where that can be had.
   *
   * @param {(refreshToken: string) => Promise<Session>} renew
   * @param {number} now milliseconds since the epoch
   * @returns {Promise<string | undefined>}
   */
  async authorization(renew, now = Date.now()) {
    if (this.#session && runsOut(this.#session, now)) await this.#renew(renew);
    return this.#session ? `Bearer ${this.#session.accessToken}` : undefined;
  }

  /** Renews once for any number of requests: a refresh token is good for one use. */
  async #renew(renew) {
    const before = this.#session;
    this.#renewing ??= renew(before.refreshToken).finally(() => {
      this.#renewing = null;
    });
    try {
      const renewed = await this.#renewing;
      // Somebody may have signed out, or in as somebody else, in the meantime.
      if (this.#session === before) this.set({ ...before, ...renewed });
    } catch {
      if (this.#session === before) this.set(null);
    }
  }
}

/** @param {Session} session */
function runsOut({ refreshToken, expiresAt }, now) {
  return Boolean(refreshToken && expiresAt) && Date.parse(expiresAt) - now < RENEW_BEFORE_MS;
}

/** @returns {Session | null} */
function read(storage) {
  try {
    const session = JSON.parse(storage.getItem(KEY));
    return typeof session?.accessToken === 'string' ? session : null;
  } catch {
    return null;
  }
}
