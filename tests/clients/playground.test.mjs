// The playground in a browser: sign in, ask, follow.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { base, PASSWORD, register } from './api.mjs';
import { png } from './picture.mjs';
import * as upload from './upload.mjs';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const screenshots = fileURLToPath(new URL('../../target/screenshots/', import.meta.url));

// On one line: the editor indents and closes brackets by itself where lines end.
const PROGRESS =
  'subscription Progress($id: ID!) { taskProgress(id: $id) { ... on TaskProgressed { status progress } } }';

let browser;
let context;
let page;
let foreign;
let forbidden;
let user;

before(async () => {
  mkdirSync(screenshots, { recursive: true });
  const executablePath = process.env.CHROMIUM_PATH ?? BROWSERS.find(existsSync);
  assert.ok(executablePath, 'no Chromium found: set CHROMIUM_PATH');
  user = await register();
  // Without a profile folder of its own Playwright makes a new one for each launch.
  browser = await chromium.launch({ executablePath, args: FLAGS });
  context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  foreign = [];
  forbidden = [];
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) forbidden.push(message.text());
  });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (/^(http|ws)s?:$/.test(protocol) && origin.replace(/^ws/, 'http') !== new URL(base).origin) {
      foreign.push(request.url());
    }
  });
  await page.goto(base);
  await executeButton().waitFor();
});

after(async () => {
  await browser?.close();
});

const executeButton = () => page.getByRole('button', { name: /^(Execute query|Run)/ });
const panel = () => page.getByRole('region', { name: 'Account' });
const response = () => page.locator('.graphiql-response');

/** Opens the account panel unless it is open. */
async function openPanel() {
  if (await panel().isVisible()) return;
  await page.locator('.atelier-badge button').click();
  await panel().waitFor();
}

async function signIn(password) {
  await openPanel();
  await panel().getByLabel('User name or email').fill(user.username);
  await panel().getByLabel('Password').fill(password);
  await panel().getByRole('button', { name: 'Sign in' }).click();
}

/** Puts a text into one of Monaco's editors, as pasting would. */
async function write(editor, text) {
  await page.locator(editor).click();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.insertText(text);
}

/** Waits until the response pane shows a text; Monaco writes blanks as U+00A0. */
async function shows(text) {
  try {
    await page.waitForFunction(
      (wanted) => document.querySelector('.graphiql-response')?.innerText.replaceAll('\u00a0', ' ').includes(wanted),
      text,
    );
  } catch {
    assert.fail(`the response never showed ${text}; it shows ${await response().innerText()}`);
  }
}

test('a wrong password is refused in words and signs nobody in', async () => {
  await signIn('not the password');
  await panel().getByRole('alert').waitFor();
  assert.notEqual((await panel().getByRole('alert').innerText()).trim(), '');
  assert.equal(await panel().getByTestId('signed-in').count(), 0);
});

test('signing in gives every query the caller', async () => {
  await signIn(PASSWORD);
  await panel().getByTestId('signed-in').waitFor();
  assert.match(await panel().getByTestId('signed-in').innerText(), new RegExp(user.username));
  await executeButton().click();
  await shows(`"username": "${user.username}"`);
  await page.screenshot({ path: `${screenshots}query.png` });
});

test('a reload keeps the caller, another tab has none', async () => {
  await page.reload();
  await executeButton().waitFor();
  assert.equal(await page.locator('.atelier-badge button').innerText(), user.username);
  const other = await context.newPage();
  await other.goto(base);
  await other.locator('.atelier-badge button').waitFor();
  assert.equal(await other.locator('.atelier-badge button').innerText(), 'Sign in');
  await other.close();
});

for (const [transport, name] of [
  ['ws', 'WebSocket'],
  ['sse', 'Server-sent events'],
]) {
  test(`a subscription follows a task to its end over ${name}`, async () => {
    await openPanel();
    await panel().getByLabel(name).check();
    const bytes = png(400, 300);
    const planned = await upload.create(user.token, { filename: 'p.png', contentType: 'image/png', bytes });
    await upload.send(user.token, planned, bytes);
    const { task } = await upload.complete(user.token, planned);
    await page.getByRole('button', { name: 'New tab' }).click();
    await write('.graphiql-query-editor .graphiql-editor', PROGRESS);
    await write('.graphiql-editor-tool .graphiql-editor:not(.hidden)', JSON.stringify({ id: task.id }));
    await page.getByRole('button', { name: /^Prettify query/ }).click();
    await executeButton().click();
    await shows('SUCCEEDED');
    await page.screenshot({ path: `${screenshots}subscription-${transport}.png` });
  });
}

test('signing out takes the caller from the next query', async () => {
  await openPanel();
  await panel().getByRole('button', { name: 'Sign out' }).click();
  await panel().getByRole('tab', { name: 'Register' }).waitFor();
  await page.locator('.graphiql-tab-button', { hasText: 'Start' }).click();
  await executeButton().click();
  await shows('"viewer": null');
});

test('nothing was loaded from anywhere else', () => {
  assert.deepEqual(foreign, []);
});

test('the page asks for nothing that its content security policy forbids, and stands in no frame', async () => {
  assert.deepEqual(forbidden, []);
  const { headers } = await fetch(base).then((answer) => ({ headers: answer.headers }));
  assert.match(headers.get('content-security-policy'), /script-src 'self';.*frame-ancestors 'none'/);
  assert.equal(headers.get('x-frame-options'), 'DENY');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
});
