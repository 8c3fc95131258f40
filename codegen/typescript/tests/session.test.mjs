// A session that several tabs share. Run by `npm test`, which compiles the client first.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { AtelierClient, SharedSession } from '../build/index.js';

const url = 'http://api.example/graphql';
const START = Date.parse('2026-01-01T00:00:00Z');

/** What all tabs of a browser share. */
class Storage {
  items = new Map();
  getItem = (key) => this.items.get(key) ?? null;
  setItem = (key, value) => this.items.set(key, value);
  removeItem = (key) => this.items.delete(key);
}

/** The Web Locks API, as far as it is used. */
class Locks {
  last = Promise.resolve();
  request(_name, work) {
    const done = this.last.then(work);
    this.last = done.catch(() => {});
    return done;
  }
}

/** An API that takes each refresh token once. */
class Api {
  now = START;
  used = [];
  lose = 0;
  fetch = async (_url, { body }) => {
    const { input } = JSON.parse(body).variables;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.lose-- > 0) throw new TypeError('network error');
    const again = this.used.includes(input.refreshToken);
    this.used.push(input.refreshToken);
    const refused = { tokens: null, userErrors: [{ code: 'REFRESH_REUSED', message: '' }] };
    const renewed = { tokens: tokens(this.used.length, this.now), userErrors: [] };
    const authTokenRefresh = again || input.refreshToken === 'stolen' ? refused : renewed;
    return { status: 200, json: async () => ({ data: { authTokenRefresh } }) };
  };
}

const tokens = (number, now) => ({
  accessToken: `access ${number}`,
  refreshToken: `refresh ${number}`,
  expiresAt: new Date(now + 15 * 60_000).toISOString(),
});

function browser(tabs, options = {}) {
  const api = new Api();
  const shared = { url, storage: new Storage(), locks: new Locks(), ...options };
  const sessions = Array.from(
    { length: tabs },
    () => new SharedSession({ ...shared, fetch: api.fetch, now: () => api.now }),
  );
  return { api, sessions, storage: shared.storage };
}

for (const [platform, options] of [
  ['with the Web Locks API', {}],
  ['without it', { locks: null }],
]) {
  test(`tabs refresh once for all of them, ${platform}`, async () => {
    const { api, sessions } = browser(5, options);
    sessions[0].keep(tokens(0, api.now));
    assert.deepEqual(await Promise.all(sessions.map((tab) => tab.token())), Array(5).fill('access 0'));
    assert.deepEqual(api.used, []);
    for (const round of [1, 2]) {
      api.now += 14 * 60_000 + 31_000;
      // Several requests of each tab, at the same time.
      const asked = sessions.flatMap((tab) => [tab.token(), tab.token()]);
      assert.deepEqual(await Promise.all(asked), Array(10).fill(`access ${round}`));
    }
    assert.deepEqual(api.used, ['refresh 0', 'refresh 1']);
  });

  test(`a refresh that fails on the way is tried again, ${platform}`, async () => {
    const { api, sessions } = browser(2, options);
    sessions[0].keep(tokens(0, api.now));
    api.now += 15 * 60_000;
    api.lose = 1;
    await assert.rejects(sessions[0].token(), /network error/);
    assert.deepEqual(await Promise.all(sessions.map((tab) => tab.token())), ['access 1', 'access 1']);
  });
}

test('a session that was ended is forgotten by all tabs, and the device is not', async () => {
  const { api, sessions } = browser(2);
  sessions[0].keep({ ...tokens(0, api.now), refreshToken: 'stolen', deviceToken: 'device' });
  api.now += 15 * 60_000;
  assert.equal(await sessions[0].token(), undefined);
  assert.equal(await sessions[1].token(), undefined);
  assert.equal(sessions[1].deviceToken, 'device');
});

test('a tab that was closed in the middle of a refresh does not hold the others up for ever', async () => {
  const { api, sessions, storage } = browser(1, { locks: null });
  sessions[0].keep(tokens(0, api.now));
  storage.setItem('atelier.session.refresh', `closed.${Date.now() - 1}`);
  api.now += 15 * 60_000;
  assert.equal(await sessions[0].token(), 'access 1');
});

test('a client sends the token of the moment', async () => {
  const { api, sessions } = browser(1);
  sessions[0].keep(tokens(0, api.now));
  const sent = [];
  const client = new AtelierClient({
    url,
    token: sessions[0].token,
    fetch: async (_url, { headers }) => {
      sent.push(headers.authorization);
      return { status: 200, json: async () => ({ data: {} }) };
    },
  });
  await client.request('{ viewer { id } }', {});
  api.now += 15 * 60_000;
  await client.request('{ viewer { id } }', {});
  assert.deepEqual(sent, ['Bearer access 0', 'Bearer access 1']);
});
