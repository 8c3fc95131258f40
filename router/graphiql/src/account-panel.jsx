import { Button, useGraphiQL } from '@graphiql/react';
import { useState } from 'react';

import * as account from './account.js';
import { TRANSPORTS } from './fetcher.js';
import { session, transport, useSession } from './state.js';

/** The panel behind the person in GraphiQL's side bar. */
export const accountPlugin = { title: 'Account', icon: Person, content: AccountPanel };

function AccountPanel() {
  const current = useSession();
  const schema = useGraphiQL((state) => state.schema);
  const mutations = schema?.getMutationType()?.getFields() ?? {};
  const hasAccounts = account.NEEDED.every((field) => field in mutations);
  return (
    <section className="atelier-account" aria-label="Account">
      <h2>Account</h2>
      {current ? <SignedIn current={current} /> : <SignedOut hasAccounts={hasAccounts} />}
      <TransportChoice />
    </section>
  );
}

function SignedIn({ current }) {
  const leave = () => {
    session.set(null);
    // The tokens are forgotten either way; whether the server still ran is not the user's problem.
    account.signOut(current).catch(() => {});
  };
  return (
    <>
      <p data-testid="signed-in">
        Signed in as <strong>{current.username ?? 'the owner of this token'}</strong>. Every request from this tab
        carries the token; a header of your own wins over it.
      </p>
      <Button type="button" onClick={leave}>
        Sign out
      </Button>
    </>
  );
}

const FORMS = {
  login: {
    label: 'Sign in',
    fields: [
      { name: 'login', label: 'User name or email', autoComplete: 'username' },
      { name: 'password', label: 'Password', type: 'password', autoComplete: 'current-password' },
    ],
    submit: ({ login, password }) => account.signIn(login, password),
  },
  register: {
    label: 'Register',
    fields: [
      { name: 'username', label: 'User name', autoComplete: 'username' },
      { name: 'email', label: 'Email', type: 'email', autoComplete: 'email' },
      { name: 'password', label: 'Password', type: 'password', autoComplete: 'new-password' },
    ],
    submit: ({ username, email, password }) => account.register(username, email, password),
  },
  token: {
    label: 'Use a token',
    fields: [{ name: 'token', label: 'Access token', type: 'password', autoComplete: 'off' }],
    submit: ({ token }) => account.withToken(token),
  },
};

function SignedOut({ hasAccounts }) {
  const [chosen, setChosen] = useState('login');
  const kinds = hasAccounts ? Object.keys(FORMS) : ['token'];
  const kind = kinds.includes(chosen) ? chosen : kinds[0];
  return (
    <>
      <div className="atelier-kinds" role="tablist">
        {kinds.map((name) => (
          <button key={name} type="button" role="tab" aria-selected={name === kind} onClick={() => setChosen(name)}>
            {FORMS[name].label}
          </button>
        ))}
      </div>
      <CredentialForm key={kind} kind={kind} />
    </>
  );
}

function CredentialForm({ kind }) {
  const { fields, submit, label } = FORMS[kind];
  const [failure, setFailure] = useState(null);
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.currentTarget));
    setBusy(true);
    setFailure(null);
    try {
      session.set(await submit(values));
    } catch (error) {
      setFailure(error.message);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={onSubmit} aria-label={label}>
      {fields.map(({ name, label: words, type = 'text', autoComplete }) => (
        <label key={name}>
          {words}
          <input name={name} type={type} autoComplete={autoComplete} required spellCheck={false} />
        </label>
      ))}
      <Button type="submit" disabled={busy}>
        {label}
      </Button>
      {failure && (
        <p role="alert" className="atelier-failure">
          {failure}
        </p>
      )}
    </form>
  );
}

function TransportChoice() {
  const [chosen, setChosen] = useState(transport.get);
  const choose = (event) => {
    transport.set(event.target.value);
    setChosen(event.target.value);
  };
  return (
    <fieldset>
      <legend>Subscriptions over</legend>
      {Object.entries(TRANSPORTS).map(([name, words]) => (
        <label key={name} className="atelier-choice">
          <input type="radio" name="transport" value={name} checked={chosen === name} onChange={choose} />
          {words}
        </label>
      ))}
    </fieldset>
  );
}

function Person() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <circle cx="12" cy="8" r="4" />
      <path d="M4 21c0-4.4 3.6-7 8-7s8 2.6 8 7" strokeLinecap="round" />
    </svg>
  );
}
