import { useSyncExternalStore } from 'react';

import { SessionStore } from './session.js';

const TRANSPORT_KEY = 'atelier:transport';

export const session = new SessionStore(sessionStorage);

export const useSession = () => useSyncExternalStore(session.subscribe, session.get);

/** The subscription transport, remembered by this browser. */
export const transport = {
  get: () => (localStorage.getItem(TRANSPORT_KEY) === 'sse' ? 'sse' : 'ws'),
  set: (name) => localStorage.setItem(TRANSPORT_KEY, name),
};
