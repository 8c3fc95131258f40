export { AtelierClient, GraphQLFailure, type ClientOptions, type GraphQLProblem } from './client.js';
export { SharedSession, type SessionOptions, type Tokens, type TokenStorage } from './session.js';
export { uploadFile, UploadRefused, type Uploaded } from './upload.js';
export * from './generated.js';
