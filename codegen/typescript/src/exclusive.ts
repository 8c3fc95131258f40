/** The part of the Web Locks API that is needed. */
export interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

interface Shared {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** How long a tab that was closed in the middle holds the others up, in milliseconds. */
const LEASE = 15_000;
/** How long it takes until what one tab writes is seen by all, in milliseconds. */
const SETTLE = 25;
/** How often others look, in case nobody tells them, in milliseconds. */
const LOOK = 250;

/**
 * Runs `work` while no other tab runs work of this name.
 *
 * Without the Web Locks API it is a lease in what the tabs share, with a `BroadcastChannel` to wake those
 * who wait. Two tabs may then still meet, very rarely: the API answers both alike.
 */
export function exclusively<T>(
  name: string,
  shared: Shared,
  locks: Locks | undefined,
  work: () => Promise<T>,
): Promise<T> {
  return locks ? locks.request(name, work) : leased(name, shared, work);
}

async function leased<T>(name: string, shared: Shared, work: () => Promise<T>): Promise<T> {
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(name);
  const own = `${Math.random().toString(36).slice(2)}.${Date.now() + LEASE}`;
  try {
    for (;;) {
      const held = shared.getItem(name);
      if (!held || Number(held.split('.')[1]) <= Date.now()) {
        shared.setItem(name, own);
        await pause(SETTLE);
      }
      if (shared.getItem(name) === own) break;
      await released(channel);
    }
    return await work();
  } finally {
    if (shared.getItem(name) === own) shared.removeItem(name);
    channel?.postMessage('released');
    channel?.close();
  }
}

const pause = (time: number) => new Promise<void>((resolve) => setTimeout(resolve, time));

function released(channel: BroadcastChannel | undefined): Promise<void> {
  return new Promise((resolve) => {
    const look = setTimeout(resolve, LOOK);
    if (!channel) return;
    channel.onmessage = () => {
      clearTimeout(look);
      resolve();
    };
  });
}
