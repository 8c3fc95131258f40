// Starts the shop example and gives its address.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** Gives `{ url, stop }`. The binary is `SHOP`, or built by cargo. */
export async function shop() {
  const binary = process.env.SHOP;
  const [command, args] = binary
    ? [binary, []]
    : ['cargo', ['run', '--quiet', '-p', 'atelier-router', '--example', 'shop']];
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const url = await Promise.race([
    once(lines, 'line').then(([line]) => line),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the shop ended with ${code}`);
    }),
  ]);
  return { url, stop: () => child.kill() };
}
