import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { buildSchema, parse, validate } from 'graphql';

const examples = new URL('../src/examples/', import.meta.url);
const read = (url) => readFileSync(url, 'utf8');
const schema = buildSchema(read(new URL('../../../schema/api.graphql', import.meta.url)));
const names = readdirSync(examples).map((file) => file.split('.')[0]);

for (const name of new Set(names)) {
  test(`the example ${name} is a valid document, and its variables fit`, () => {
    const document = parse(read(new URL(`${name}.graphql`, examples)));
    assert.deepEqual(validate(schema, document).map((error) => error.message), []);
    const wanted = document.definitions.flatMap((operation) => operation.variableDefinitions ?? []);
    const given = names.filter((other) => other === name).length > 1 ? JSON.parse(read(new URL(`${name}.json`, examples))) : {};
    assert.deepEqual(Object.keys(given), wanted.map(({ variable }) => variable.name.value));
  });
}
