import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SessionStore } from '../src/session.js';

const NOON = Date.parse('2026-01-01T12:00:00Z');
const ADA = { accessToken: 'a1', refreshToken: 'r1', expiresAt: '2026-01-01T12:10:00Z', username: 'ada' };

function storage(items = {}) {
  const map = new Map(Object.entries(items));
  return { getItem: (key) => map.get(key) ?? null, setItem: (key, value) => map.set(key, value), removeItem: (key) => map.delete(key), map };
}

const never = () => assert.fail('nothing was to be renewed');

test('a reload keeps who is signed in', async () => {
  const kept = storage();
  new SessionStore(kept).set(ADA);
  assert.equal(await new SessionStore(kept).authorization(never, NOON), 'Bearer a1');
});

test('signing out leaves no token behind and tells the page', async () => {
  const kept = storage();
  const store = new SessionStore(kept);
  store.set(ADA);
  let told = 0;
  store.subscribe(() => (told += 1));
  store.set(null);
  assert.equal(told, 1);
  assert.equal(kept.map.size, 0);
  assert.equal(await store.authorization(never, NOON), undefined);
});

test('a damaged entry counts as signed out', () => {
  for (const damaged of ['{', 'null', '{"accessToken":5}', '[]']) {
    assert.equal(new SessionStore(storage({ 'atelier:session': damaged })).get(), null);
  }
});

test('a token about to run out is renewed once for all requests', async () => {
  const store = new SessionStore(storage());
  store.set({ ...ADA, expiresAt: '2026-01-01T12:00:10Z' });
  const used = [];
  const renew = async (refreshToken) => {
    used.push(refreshToken);
    return { accessToken: 'a2', refreshToken: 'r2', expiresAt: '2026-01-01T13:00:00Z' };
  };
  const values = await Promise.all([store.authorization(renew, NOON), store.authorization(renew, NOON)]);
  assert.deepEqual(values, ['Bearer a2', 'Bearer a2']);
  assert.deepEqual(used, ['r1']);
  assert.equal(store.get().username, 'ada');
});

test('a refused renewal signs out', async () => {
  const store = new SessionStore(storage());
  store.set({ ...ADA, expiresAt: '2026-01-01T11:00:00Z' });
  assert.equal(await store.authorization(async () => Promise.reject(new Error('reused')), NOON), undefined);
  assert.equal(store.get(), null);
});

test('signing out while a renewal is under way stays signed out', async () => {
  const store = new SessionStore(storage());
  store.set({ ...ADA, expiresAt: '2026-01-01T11:00:00Z' });
  const asked = store.authorization(async () => {
    store.set(null);
    return { accessToken: 'a2' };
  }, NOON);
  assert.equal(await asked, undefined);
  assert.equal(store.get(), null);
});

test('a personal access token has no end that the page knows of', async () => {
  const store = new SessionStore(storage());
  store.set({ accessToken: 'pat' });
  assert.equal(await store.authorization(never, NOON), 'Bearer pat');
});
