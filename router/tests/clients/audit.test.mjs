// The audit of the GraphQL over HTTP specification: every MUST and SHOULD.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { serverAudits } from 'graphql-http';
import { shop } from './server.mjs';

let server;
before(async () => {
  server = await shop();
});
after(() => server.stop());

for (const { id, name } of serverAudits({ url: 'http://unused', fetchFn: fetch })) {
  // Batching is optional and off; the audit only says so.
  test(`${id} ${name}`, async () => {
    const audits = serverAudits({ url: server.url, fetchFn: fetch });
    const audit = audits.find((other) => other.id === id);
    const result = await audit.fn();
    assert.equal(result.status, 'ok', result.reason);
  });
}
