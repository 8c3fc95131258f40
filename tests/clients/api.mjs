// The API as a program without any GraphQL library uses it: fetch and JSON.

import { randomUUID } from 'node:crypto';

/** Where Atelier runs. */
export const base = process.env.ATELIER_URL ?? 'http://127.0.0.1:4000';
export const endpoint = new URL('/graphql', base).href;
export const socketEndpoint = endpoint.replace(/^http/, 'ws');

export const PASSWORD = 'a long enough password 7';

/** Sends one operation and gives the whole answer with its HTTP status. */
export async function send(query, variables = {}, token = undefined) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      accept: 'application/graphql-response+json',
      'content-type': 'application/json',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, ...(await response.json()) };
}

/** Sends one operation that has to succeed and gives its data. */
export async function ask(query, variables = {}, token = undefined) {
  const { data, errors } = await send(query, variables, token);
  if (errors?.length) throw new Error(JSON.stringify(errors, null, 2));
  return data;
}

/** Sends one mutation that has to succeed and gives its payload. */
export async function change(query, input, token = undefined) {
  const data = await ask(query, { input }, token);
  const [payload] = Object.values(data);
  if (payload.userErrors.length) throw new Error(JSON.stringify(payload.userErrors, null, 2));
  return payload;
}

const REGISTER = `mutation($input: AuthRegisterInput!) {
  authRegister(input: $input) { tokens { accessToken refreshToken } userErrors { code message path } }
}`;
export const LOGIN = `mutation($input: AuthLoginInput!) {
  authLogin(input: $input) { tokens { accessToken refreshToken } userErrors { code message path } }
}`;

/** Somebody new, with a name that nobody else has. */
export async function register() {
  const username = `ada-${randomUUID().slice(0, 8)}`;
  const email = `${username}@example.org`;
  const { tokens } = await change(REGISTER, { username, email, password: PASSWORD });
  return { username, email, token: tokens.accessToken };
}

/** The access token of somebody who signs in. */
export async function login(name, password) {
  const { tokens } = await change(LOGIN, { login: name, password });
  return tokens.accessToken;
}
