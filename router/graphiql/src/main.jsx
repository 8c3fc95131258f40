import './workers.js';
import 'graphiql/style.css';
import './style.css';

import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { accountPlugin } from './account-panel.jsx';
import { renew } from './account.js';
import { endpoint, socketEndpoint } from './endpoint.js';
import { defaultTabs } from './examples.js';
import { createFetcher } from './fetcher.js';
import { rootFields } from './root-fields.js';
import { session, transport, useSession } from './state.js';

const fetcher = createFetcher({
  endpoint,
  socketEndpoint,
  authorization: () => session.authorization(renew),
  transport: transport.get,
});

function App({ tabs }) {
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs}
      plugins={[HISTORY_PLUGIN, accountPlugin]}
      defaultEditorToolsVisibility="variables"
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
      inputValueDeprecation
    >
      <GraphiQL.Logo>
        <Badge />
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

/** The name of the house and who is signed in; opens and closes the account panel. */
function Badge() {
  const current = useSession();
  return (
    <span className="atelier-badge">
      <strong>Atelier</strong>
      <button type="button" onClick={toggleAccountPanel}>
        {current ? (current.username ?? 'token') : 'Sign in'}
      </button>
    </span>
  );
}

/**
 * Presses the panel's button in the side bar. GraphiQL's own action only chooses the panel: its
 * pane stays closed, and what opens it is known to the side bar alone.
 */
function toggleAccountPanel() {
  document.querySelector(`.graphiql-sidebar button[aria-label$=" ${accountPlugin.title}"]`)?.click();
}

const tabs = defaultTabs(await rootFields());
createRoot(document.getElementById('root')).render(<App tabs={tabs} />);
