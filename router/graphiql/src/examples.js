import account from './examples/account.graphql?raw';
import accountVariables from './examples/account.json?raw';
import progress from './examples/progress.graphql?raw';
import progressVariables from './examples/progress.json?raw';
import start from './examples/start.graphql?raw';
import upload from './examples/upload.graphql?raw';
import uploadVariables from './examples/upload.json?raw';
import viewer from './examples/viewer.graphql?raw';

const EXAMPLES = [
  { needs: ['viewer', 'plans'], query: start },
  { needs: ['authRegister', 'authLogin'], query: account, variables: accountVariables },
  { needs: ['uploadCreate', 'uploadComplete'], query: upload, variables: uploadVariables },
  { needs: ['viewer', 'task'], query: viewer },
  { needs: ['taskProgress'], query: progress, variables: progressVariables },
];

const ELSEWHERE = `# Press Ctrl-Space for what can be asked here.

{
  __typename
}
`;

/**
 * The tabs of a first visit: those examples that the graph can answer, since a router may also
 * serve a graph that is not Atelier's.
 *
 * @param {Set<string>} rootFields names of the fields of all operation types
 */
export function defaultTabs(rootFields) {
  const tabs = EXAMPLES.filter(({ needs }) => needs.every((field) => rootFields.has(field)));
  return (tabs.length ? tabs : [{ query: ELSEWHERE }]).map(({ query, variables = null }) => ({
    query,
    variables,
    headers: null,
  }));
}
