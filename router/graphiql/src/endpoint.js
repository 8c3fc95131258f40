/** Where the API is: `/graphql` beside this page, for every transport. */
export const endpoint = new URL('graphql', document.baseURI);

/** The same for WebSockets. */
export const socketEndpoint = new URL(endpoint);
socketEndpoint.protocol = endpoint.protocol === 'https:' ? 'wss:' : 'ws:';
