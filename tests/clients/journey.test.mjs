// The journey of a newcomer, by fetch, graphql-ws and graphql-sse.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { ask, change, LOGIN, login, PASSWORD, register, send } from './api.mjs';
import { byEvents, bySocket, until } from './follow.mjs';
import { png } from './picture.mjs';
import * as upload from './upload.mjs';

const PROGRESS = `subscription($id: ID!) {
  taskProgress(id: $id) {
    ... on TaskProgressed { taskId status progress occurredAt task { id status type owner { username } } }
  }
}`;

const EVERYTHING = `query {
  viewer {
    id
    user { username }
    email
    quotas { meter used }
    uploads(first: 5) { nodes { id status asset { id } } }
    assets(first: 5) { totalCount nodes { id filename byteSize status owner { username } derivatives { width format } } }
    tasks(first: 5) { nodes { id status progress owner { username } } }
  }
}`;

/** The code of a request's only error. */
function onlyError({ errors }) {
  assert.equal(errors?.length, 1, JSON.stringify(errors));
  return errors[0].extensions.code;
}

describe('the journey', () => {
  let ada;
  before(async () => {
    ada = await register();
  });

  test('whoever has registered signs in by name and by email address', async () => {
    for (const name of [ada.username, ada.email]) {
      const token = await login(name, PASSWORD);
      const { viewer } = await ask('{ viewer { user { username } } }', {}, token);
      assert.equal(viewer.user.username, ada.username);
    }
  });

  for (const [transport, follow] of [
    ['graphql-transport-ws', bySocket],
    ['graphql-sse', byEvents],
  ]) {
    test(`thumbnails of an uploaded picture are followed to the end over ${transport}`, async () => {
      const bytes = png(320, 200);
      const planned = await upload.create(ada.token, { filename: 'field.png', contentType: 'image/png', bytes });
      assert.equal(planned.strategy, 'SINGLE_PUT');
      await upload.send(ada.token, planned, bytes);
      const { asset, task } = await upload.complete(ada.token, planned);
      assert.equal(asset.byteSize, bytes.length);
      const isLast = ({ data, errors }) => errors || data.taskProgress.status === 'SUCCEEDED';
      const results = await until(isLast, follow(ada.token, PROGRESS, { id: task.id }));
      assert.deepEqual(results.flatMap(({ errors = [] }) => errors), []);
      const events = results.map(({ data }) => data.taskProgress);
      assert.equal(events.at(-1).status, 'SUCCEEDED');
      assert.equal(events.at(-1).progress, 1);
      assert.deepEqual(new Set(events.map((event) => event.taskId)), new Set([task.id]));
      // Each event's selection is answered by the whole graph: the owner's name is known to accounts.
      assert.equal(events.at(-1).task.owner.username, ada.username);
    });
  }

  test('a large file is sent in parts by plain PUTs', async () => {
    const bytes = Buffer.alloc(17 * 1024 * 1024, 'Atelier ');
    bytes.writeDoubleBE(Math.random(), 0);
    const planned = await upload.create(ada.token, {
      filename: 'notes.bin',
      contentType: 'application/octet-stream',
      bytes,
    });
    assert.equal(planned.strategy, 'MULTIPART');
    assert.ok(planned.partCount > 1);
    await upload.send(ada.token, planned, bytes);
    const done = await upload.complete(ada.token, planned);
    assert.equal(done.upload.status, 'COMPLETED');
    assert.equal(done.asset.byteSize, bytes.length);
  });

  test('one query is answered by accounts, media and tasks', async () => {
    const { viewer } = await ask(EVERYTHING, {}, ada.token);
    assert.equal(viewer.user.username, ada.username);
    assert.equal(viewer.email, ada.email);
    assert.equal(viewer.assets.totalCount, 3);
    assert.ok(viewer.uploads.nodes.every((node) => node.status === 'COMPLETED'));
    const pictures = viewer.assets.nodes.filter((asset) => asset.filename === 'field.png');
    assert.equal(pictures.length, 2);
    for (const picture of pictures) {
      assert.equal(picture.status, 'ACTIVE');
      assert.ok(picture.derivatives.length > 0);
      assert.equal(picture.owner.username, ada.username);
    }
    assert.ok(viewer.tasks.nodes.length >= 2);
    assert.ok(viewer.tasks.nodes.every((task) => task.owner.username === ada.username));
    const storage = viewer.quotas.find((quota) => quota.meter === 'STORAGE_BYTES');
    assert.ok(storage.used >= 17 * 1024 * 1024);
  });
});

describe('refusals', () => {
  let ada;
  let eve;
  before(async () => {
    [ada, eve] = await Promise.all([register(), register()]);
  });

  test('a wrong password and an unknown name are told apart by nobody', async () => {
    const refuse = async (input) => (await ask(LOGIN, { input })).authLogin;
    const wrong = await refuse({ login: ada.username, password: 'not the password' });
    const unknown = await refuse({ login: `${ada.username}-nobody`, password: PASSWORD });
    for (const { tokens, userErrors } of [wrong, unknown]) {
      assert.equal(tokens, null);
      assert.deepEqual(userErrors.map((error) => error.code), ['INVALID_CREDENTIALS']);
    }
    assert.deepEqual(wrong.userErrors[0].message, unknown.userErrors[0].message);
  });

  test('without a token there is no viewer, which is no error, and nothing can be uploaded', async () => {
    for (const fields of ['id', 'user { username } tasks(first: 1) { nodes { id } } assets(first: 1) { totalCount }']) {
      const asked = await send(`{ viewer { ${fields} } }`);
      assert.deepEqual([asked.data, asked.errors], [{ viewer: null }, undefined]);
    }
    const mutation = 'mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { id } } }';
    const input = { filename: 'a.png', contentType: 'image/png', byteSize: 10 };
    assert.equal(onlyError(await send(mutation, { input })), 'UNAUTHENTICATED');
  });

  test('a forged token is refused before anything runs', async () => {
    const [head, claims] = ada.token.split('.');
    const forged = `${head}.${claims}.${Buffer.alloc(64).toString('base64url')}`;
    const answer = await send('{ viewer { id } }', {}, forged);
    assert.equal(answer.status, 401);
    assert.equal(onlyError(answer), 'UNAUTHENTICATED');
  });

  for (const [transport, follow] of [
    ['graphql-transport-ws', bySocket],
    ['graphql-sse', byEvents],
  ]) {
    test(`without a token nothing is followed over ${transport}`, async () => {
      const refused = await until(() => true, follow(undefined, PROGRESS, { id: `tsk_${'0'.repeat(26)}` })).then(
        ([first]) => inspect(first, { depth: null }),
        (reason) => inspect(reason, { depth: null }),
      );
      assert.match(refused, /"?code"?: .UNAUTHENTICATED/);
    });
  }

  test("somebody else's upload does not exist", async () => {
    const bytes = png(16, 16);
    const planned = await upload.create(ada.token, { filename: 'mine.png', contentType: 'image/png', bytes });
    const { upload: seen } = await ask('query($id: ID!) { upload(id: $id) { id } }', { id: planned.id }, eve.token);
    assert.equal(seen, null);
    await assert.rejects(upload.complete(eve.token, planned), /NOT_FOUND/);
    const { upload: own } = await ask('query($id: ID!) { upload(id: $id) { status } }', { id: planned.id }, ada.token);
    assert.equal(own.status, 'OPEN');
  });

  test('what was never sent cannot be completed', async () => {
    const planned = await upload.create(ada.token, { filename: 'x.png', contentType: 'image/png', bytes: png(8, 8) });
    await assert.rejects(upload.complete(ada.token, planned), /"code"/);
    const { viewer } = await ask('{ viewer { assets(first: 1) { totalCount } } }', {}, ada.token);
    assert.equal(viewer.assets.totalCount, 0);
  });

  test('an ordinary account leases no work', async () => {
    const mutation = 'mutation($input: WorkerRegisterInput!) { workerRegister(input: $input) { worker { id } } }';
    const answer = await send(mutation, { input: { name: 'w', queues: ['default'] } }, ada.token);
    assert.equal(onlyError(answer), 'FORBIDDEN');
  });

  test('a name that is taken registers nobody', async () => {
    const mutation = `mutation($input: AuthRegisterInput!) {
      authRegister(input: $input) { tokens { accessToken } userErrors { code } }
    }`;
    const input = { username: ada.username, email: `other-${ada.email}`, password: PASSWORD };
    const { authRegister } = await ask(mutation, { input });
    assert.equal(authRegister.tokens, null);
    assert.deepEqual(authRegister.userErrors.map((error) => error.code), ['IDENTITY_TAKEN']);
    await assert.rejects(change(LOGIN, { login: input.email, password: PASSWORD }), /INVALID_CREDENTIALS/);
  });
});
