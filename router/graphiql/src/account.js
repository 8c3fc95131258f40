import { endpoint } from './endpoint.js';

const TOKENS = 'tokens { accessToken refreshToken expiresAt }';
const REASONS = 'userErrors { message }';

const LOGIN = `mutation Login($input: AuthLoginInput!) {
  authLogin(input: $input) { ${TOKENS} ${REASONS} }
}`;
const REGISTER = `mutation Register($input: AuthRegisterInput!) {
  authRegister(input: $input) { ${TOKENS} ${REASONS} }
}`;
const RENEW = `mutation Renew($input: AuthTokenRefreshInput!) {
  authTokenRefresh(input: $input) { ${TOKENS} ${REASONS} }
}`;
const LOGOUT = `mutation Logout($input: AuthLogoutInput!) {
  authLogout(input: $input) { ${REASONS} }
}`;
const WHO = `query Who { viewer { user { username } } }`;

/** Root fields that the account panel's forms are built on. */
export const NEEDED = ['authLogin', 'authRegister'];

/** @param {string} login user name or email address */
export async function signIn(login, password) {
  return named(await tokens(LOGIN, 'authLogin', { login, password }));
}

export async function register(username, email, password) {
  return named(await tokens(REGISTER, 'authRegister', { username, email, password }));
}

/** A session from a token that was made elsewhere: a personal access token, an API key. */
export async function withToken(accessToken) {
  return named({ accessToken });
}

export function renew(refreshToken) {
  return tokens(RENEW, 'authTokenRefresh', { refreshToken });
}

/** Ends the session on the server; the caller forgets the tokens in any case. */
export async function signOut({ accessToken, refreshToken }) {
  if (refreshToken) await call(LOGOUT, { input: {} }, accessToken);
}

async function tokens(document, field, input) {
  const { [field]: payload } = await call(document, { input });
  if (!payload?.tokens) {
    throw new Error(payload?.userErrors.map((error) => error.message).join(' ') || 'No tokens came back.');
  }
  return payload.tokens;
}

async function named(session) {
  const { viewer } = await call(WHO, undefined, session.accessToken);
  if (!viewer) throw new Error('This token signs nobody in.');
  return { ...session, username: viewer.user?.username };
}

/** Runs one operation without the editor's knowledge; fails with the API's own words. */
export async function call(query, variables, accessToken) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json, application/json',
      'content-type': 'application/json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors?.length) throw new Error(errors.map((error) => error.message).join(' '));
  return data;
}
