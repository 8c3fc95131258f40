export { AtelierClient, GraphQLFailure, type ClientOptions, type GraphQLProblem } from './client.js';
export { uploadFile, UploadRefused, type Uploaded } from './upload.js';
export * from './generated.js';
