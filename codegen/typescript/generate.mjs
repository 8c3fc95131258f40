// Writes src/generated.ts: a type for each operation in operations/, from schema/api.graphql.

import { readFile, readdir, writeFile } from 'node:fs/promises';

import { codegen } from '@graphql-codegen/core';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as operationTypes from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const here = new URL('./', import.meta.url);
const filename = 'src/generated.ts';

/** How scalars arrive in JSON. One that is missing here fails the run, because of `strictScalars`. */
const scalars = {
  ID: 'string',
  Cursor: 'string',
  DateTime: 'string',
  JSON: 'unknown',
  Long: 'number',
};

const config = {
  scalars,
  strictScalars: true,
  // Clients have to live with values that come later.
  enumsAsTypes: true,
  futureProofEnums: true,
  immutableTypes: true,
  documentMode: 'string',
  skipTypename: true,
  useTypeImports: true,
  avoidOptionals: { field: true },
};

const read = (path) => readFile(new URL(path, here), 'utf8');

const names = (await readdir(new URL('operations/', here))).filter((name) => name.endsWith('.graphql')).sort();
const documents = await Promise.all(
  names.map(async (name) => ({ location: name, document: parse(await read(`operations/${name}`)) })),
);
const output = await codegen({
  filename,
  schema: parse(await read('../../schema/api.graphql')),
  documents,
  config,
  plugins: [{ operationTypes: {} }, { typedDocuments: {} }],
  pluginMap: { operationTypes, typedDocuments },
});
await writeFile(new URL(filename, here), `// Written by \`make generate\` from operations/; do not edit.\n\n${output.trim()}\n`);
