import { call } from './account.js';

const ROOTS = `query RootFields {
  __schema {
    queryType { ...names }
    mutationType { ...names }
    subscriptionType { ...names }
  }
}
fragment names on __Type { fields { name } }`;

/**
 * Names of all fields of the operation types; none where introspection is switched off.
 *
 * @returns {Promise<Set<string>>}
 */
export async function rootFields() {
  try {
    const { __schema: schema } = await call(ROOTS);
    const roots = [schema.queryType, schema.mutationType, schema.subscriptionType];
    return new Set(roots.flatMap((root) => root?.fields.map((field) => field.name) ?? []));
  } catch {
    return new Set();
  }
}
