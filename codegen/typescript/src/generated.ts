// Written by `make generate` from operations/; do not edit.

/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Why an operation on an account is refused. */
export type AccountsErrorCode =
  /** The name breaks the rules for names. */
  | 'USERNAME_INVALID'
  /** The name is kept for the installation itself. */
  | 'USERNAME_RESERVED'
  /** That is no email address. */
  | 'EMAIL_INVALID'
  /** The username or the email address belongs to somebody; it is not told which. */
  | 'IDENTITY_TAKEN'
  /** The password is too easy to guess. */
  | 'WEAK_PASSWORD'
  /** No such account, or another password: it is not told which. */
  | 'INVALID_CREDENTIALS'
  /** Too many attempts. */
  | 'TOO_MANY_ATTEMPTS'
  /** The account is suspended or deleted. */
  | 'ACCOUNT_DISABLED'
  /** The refresh token is unknown or has run out. */
  | 'REFRESH_INVALID'
  /** The refresh token was used before: the sign-in was ended, for it may have been stolen. */
  | 'REFRESH_REUSED'
  /** The text is longer than it may be. */
  | 'TOO_LONG'
  /** The field must not be empty. */
  | 'REQUIRED'
  /** There is no such thing, or it is not the caller's. */
  | 'NOT_FOUND'
  /** The time is past. */
  | 'IN_THE_PAST'
  /** The operation would shut the caller out. */
  | 'NOT_ON_YOURSELF'
  /** The account is not waiting to be deleted. */
  | 'NOT_PENDING_DELETION'
  /** A scope is not written as scopes are. */
  | 'SCOPE_INVALID'
  /** The caller may not give away what they do not have. */
  | 'SCOPE_NOT_HELD'
  /** A role of this name exists. */
  | 'ROLE_NAME_TAKEN'
  /** The role belongs to the installation. */
  | 'ROLE_BUILT_IN'
  /** Somebody must remain who can administer. */
  | 'LAST_ADMIN'
  /** Too many of them. */
  | 'LIMIT_REACHED'
  /** The quota does not suffice. */
  | 'QUOTA_EXCEEDED'
  /** The amount is not acceptable. */
  | 'AMOUNT_INVALID'
  /** The key names another reservation. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** The reservation was given back or has run out. */
  | 'RESERVATION_CLOSED'
  /** The password is among those that everybody who guesses tries first. */
  | 'PASSWORD_COMMON'
  /** A request asks for more than one password to be hashed. */
  | 'ONE_PER_REQUEST'
  /** The name to show would pass for the installation's own people. */
  | 'DISPLAY_NAME_RESERVED'
  /** The account may do what the caller may not. */
  | 'OUTRANKED'
  | '%future added value';

/** What a file is, by its content. */
export type AssetKind =
  /** A picture. */
  | 'IMAGE'
  /** A film. */
  | 'VIDEO'
  /** Sound. */
  | 'AUDIO'
  /** Text to read. */
  | 'DOCUMENT'
  /** A container of other files. */
  | 'ARCHIVE'
  /** Anything else. */
  | 'OTHER'
  | '%future added value';

/** Where a file stands. */
export type AssetStatus =
  /** It can be read already; derivatives and metadata are being made. */
  | 'PROCESSING'
  /** All there is to know about it is known. */
  | 'ACTIVE'
  /** It is not what was announced, and is not handed out. */
  | 'QUARANTINED'
  /** It is in the trash. */
  | 'TRASHED'
  | '%future added value';

/** Which files are wanted. */
export type AssetWhere = {
  /** Only files of this kind. */
  readonly kind?: AssetKind | null | undefined;
  /** Those in the trash instead of the others. */
  readonly trashed?: boolean;
};

/** Who signs in. */
export type AuthLoginInput = {
  /** The username or the email address. */
  readonly login: string;
  /** The password. */
  readonly password: string;
  /** The device token of an earlier sign-in on this device, if there was one. */
  readonly deviceToken?: string | null | undefined;
};

/** Nothing is asked for: the session in use is meant. */
export type AuthLogoutInput = {
  /** Echoed by nothing; for clients that label their requests. */
  readonly clientMutationId?: string | null | undefined;
};

/** Who wants an account. */
export type AuthRegisterInput = {
  /** The email address. */
  readonly email: string;
  /** The unique name: 2 to 30 letters, digits, dots, dashes or underscores of one script. */
  readonly username: string;
  /** 8 to 256 characters. */
  readonly password: string;
  /** The name to show; without it, the username. */
  readonly displayName?: string | null | undefined;
};

/** What is exchanged for a new pair of tokens. */
export type AuthTokenRefreshInput = {
  /** The refresh token. */
  readonly refreshToken: string;
};

/** Why an operation on a file or an upload is refused. */
export type MediaErrorCode =
  /** There is no such file or upload, or the caller may not know of it. */
  | 'NOT_FOUND'
  /** The file name is empty, too long or holds control characters or slashes. */
  | 'FILENAME_INVALID'
  /** The content type is not a MIME type. */
  | 'CONTENT_TYPE_INVALID'
  /** The byte size is not positive or too large. */
  | 'BYTE_SIZE_INVALID'
  /** A digest is not 64 hexadecimal digits, or one is missing or surplus. */
  | 'DIGEST_INVALID'
  /** The storage quota does not suffice. */
  | 'QUOTA_EXCEEDED'
  /** The idempotency key was used for another upload. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** The idempotency key or the purpose is malformed. */
  | 'TEXT_INVALID'
  /** The upload was aborted, has expired or was rejected. */
  | 'UPLOAD_CLOSED'
  /** The upload is being completed by another request. */
  | 'UPLOAD_BUSY'
  /** The upload does not go by parts, or by proof. */
  | 'WRONG_STRATEGY'
  /** Nothing has been uploaded yet. */
  | 'NOT_UPLOADED'
  /** Parts are missing. */
  | 'PARTS_MISSING'
  /** A part number is out of range or repeated, or too many parts are asked for. */
  | 'PART_INVALID'
  /** A part that was uploaded has another size than it must have. */
  | 'PART_SIZE_MISMATCH'
  /** The uploaded file has another size than announced. */
  | 'SIZE_MISMATCH'
  /** The uploaded bytes have another checksum than announced. */
  | 'CHECKSUM_MISMATCH'
  /** The uploaded bytes are of another type than announced. */
  | 'TYPE_MISMATCH'
  /** The proof of possession is wrong. */
  | 'PROOF_REJECTED'
  /** The content that was to be reused has gone. */
  | 'CONTENT_GONE'
  /** The list of ids or parts is empty or too long. */
  | 'LIST_INVALID'
  /** Only files in the trash can be purged. */
  | 'NOT_TRASHED'
  | '%future added value';

/** Something that is counted against a limit. */
export type Meter =
  /** Videos rendered. */
  | 'VIDEOS'
  /** Bytes stored. */
  | 'STORAGE_BYTES'
  /** Credits for AI steps. */
  | 'AI_CREDITS'
  /** Cost of API operations. */
  | 'API_COST'
  /** Projects that exist. */
  | 'PROJECTS'
  /** Members of a team. */
  | 'SEATS'
  | '%future added value';

/** A plan. */
export type PlanCode =
  /** The plan that everybody has to begin with. */
  | 'FREE'
  /** The smallest paid plan. */
  | 'BASIC'
  /** For people who live by it. */
  | 'PRO'
  /** Without limits. */
  | 'ENTERPRISE'
  | '%future added value';

/** Which task. */
export type TaskCancelInput = {
  /** The task's id. */
  readonly id: string;
};

/** Why an operation on tasks is refused. */
export type TaskErrorCode =
  /** There is no such thing, or none that the caller may know of. */
  | 'NOT_FOUND'
  /** An input is out of bounds. */
  | 'INVALID_INPUT'
  /** The task has finished. */
  | 'ALREADY_FINISHED'
  /** Only failed and cancelled tasks, and the failed parts of tasks, are tried again. */
  | 'NOT_RETRYABLE'
  /** The lease has run out, was taken away, or never was. */
  | 'LEASE_LOST'
  /** The worker is not registered, or belongs to another account. */
  | 'UNKNOWN_WORKER'
  /** A JSON value is too large. */
  | 'PAYLOAD_TOO_LARGE'
  /** The pattern of a schedule is wrong. */
  | 'INVALID_CRON'
  /** There is no such time zone. */
  | 'UNKNOWN_TIMEZONE'
  /** The credential of the worker is not bound to the queue, or to the type of task. */
  | 'NOT_GRANTED'
  /** Only the system itself works on the queue. */
  | 'QUEUE_RESERVED'
  /** The result is not what tasks of the type are for. */
  | 'RESULT_INVALID'
  /** Nobody has said what the results of the type look like. */
  | 'UNKNOWN_TYPE'
  | '%future added value';

/** Where a task stands. */
export type TaskStatus =
  /** It waits for its time. */
  | 'SCHEDULED'
  /** It waits for a worker. */
  | 'QUEUED'
  /** It is being worked on, or waits for its parts. */
  | 'RUNNING'
  /** An attempt failed; it waits for the next one. */
  | 'RETRYING'
  /** It is done. */
  | 'SUCCEEDED'
  /** It is done, but some of its parts failed. */
  | 'PARTIALLY_SUCCEEDED'
  /** It failed for good: a dead letter, until somebody replays it. */
  | 'FAILED'
  /** Somebody did not want it any more. */
  | 'CANCELLED'
  | '%future added value';

/** Which tasks are wanted; everything that is given must be true of them. */
export type TaskWhere = {
  /** In one of these states. */
  readonly status?: ReadonlyArray<TaskStatus> | null | undefined;
  /** Of one of these types. */
  readonly type?: ReadonlyArray<string> | null | undefined;
  /** In this queue. */
  readonly queue?: string | null | undefined;
  /** About the thing with this id. */
  readonly subject?: string | null | undefined;
};

/** An upload to be completed. */
export type UploadCompleteInput = {
  /** The upload. */
  readonly uploadId: string;
};

/** A file to be uploaded. */
export type UploadCreateInput = {
  /** Its name, 1 to 255 characters without slashes. */
  readonly filename: string;
  /** Its MIME type; the bytes are compared with it. `application/octet-stream` if it is not known. */
  readonly contentType: string;
  /** Its size in bytes. */
  readonly byteSize: number;
  /**
   * The SHA-256 of its bytes in hexadecimal digits: they are verified by it, and need not be sent
   * if they are there already.
   */
  readonly sha256?: string | null | undefined;
  /** What it is meant for, at most 128 characters. */
  readonly purpose?: string | null | undefined;
  /** Repeating the call with the same key and input gives the same upload. */
  readonly idempotencyKey?: string | null | undefined;
  /** If it is sent in parts: every part comes with its SHA-256, which the store verifies. */
  readonly checksumParts?: boolean;
  /** Whether to try to do without sending. */
  readonly instant?: boolean;
};

/** A part to be sent. */
export type UploadPartInput = {
  /** Its number, from 1. */
  readonly number: number;
  /** The SHA-256 of its bytes in hexadecimal digits, if the upload has checksums for parts. */
  readonly sha256?: string | null | undefined;
};

/** Parts to be sent. */
export type UploadPartsSignInput = {
  /** The upload. */
  readonly uploadId: string;
  /** The parts, at most 1000. */
  readonly parts: ReadonlyArray<UploadPartInput>;
};

/** Where an upload stands. */
export type UploadStatus =
  /** It could not be opened yet; create it again with the same idempotency key. */
  | 'PREPARING'
  /** The client may send. */
  | 'OPEN'
  /** The file is there. */
  | 'COMPLETED'
  /** It was given up. */
  | 'ABORTED'
  /** It was not completed in time. */
  | 'EXPIRED'
  /** What came is not what was announced. */
  | 'REJECTED'
  | '%future added value';

/** How the bytes of an upload reach the store. */
export type UploadStrategy =
  /** By one request: send `Upload.put`. */
  | 'SINGLE_PUT'
  /** In parts: sign them with `uploadPartsSign`. */
  | 'MULTIPART'
  /** Not at all: answer `Upload.challenge` with `uploadProve`. */
  | 'INSTANT'
  | '%future added value';

export type TokensFragment = { readonly accessToken: string, readonly refreshToken: string, readonly expiresAt: string, readonly deviceToken: string | null, readonly user: { readonly id: string, readonly username: string } };

export type AccountsErrorFragment = { readonly code: AccountsErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown };

export type AuthRegisterMutationVariables = Exact<{
  input: AuthRegisterInput;
}>;


export type AuthRegisterMutation = { readonly authRegister: { readonly tokens: { readonly accessToken: string, readonly refreshToken: string, readonly expiresAt: string, readonly deviceToken: string | null, readonly user: { readonly id: string, readonly username: string } } | null, readonly userErrors: ReadonlyArray<{ readonly code: AccountsErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type AuthLoginMutationVariables = Exact<{
  input: AuthLoginInput;
}>;


export type AuthLoginMutation = { readonly authLogin: { readonly tokens: { readonly accessToken: string, readonly refreshToken: string, readonly expiresAt: string, readonly deviceToken: string | null, readonly user: { readonly id: string, readonly username: string } } | null, readonly userErrors: ReadonlyArray<{ readonly code: AccountsErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type AuthTokenRefreshMutationVariables = Exact<{
  input: AuthTokenRefreshInput;
}>;


export type AuthTokenRefreshMutation = { readonly authTokenRefresh: { readonly tokens: { readonly accessToken: string, readonly refreshToken: string, readonly expiresAt: string, readonly deviceToken: string | null, readonly user: { readonly id: string, readonly username: string } } | null, readonly userErrors: ReadonlyArray<{ readonly code: AccountsErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type AuthLogoutMutationVariables = Exact<{
  input: AuthLogoutInput;
}>;


export type AuthLogoutMutation = { readonly authLogout: { readonly userErrors: ReadonlyArray<{ readonly code: AccountsErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type AssetFragment = { readonly id: string, readonly kind: AssetKind, readonly status: AssetStatus, readonly filename: string, readonly contentType: string, readonly byteSize: number, readonly createdAt: string };

export type SignedRequestFragment = { readonly method: string, readonly url: string, readonly expiresAt: string, readonly headers: ReadonlyArray<{ readonly name: string, readonly value: string }> };

export type MediaErrorFragment = { readonly code: MediaErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown };

export type UploadCreateMutationVariables = Exact<{
  input: UploadCreateInput;
}>;


export type UploadCreateMutation = { readonly uploadCreate: { readonly upload: { readonly id: string, readonly strategy: UploadStrategy, readonly partSize: number, readonly partCount: number, readonly expiresAt: string, readonly put: { readonly method: string, readonly url: string, readonly expiresAt: string, readonly headers: ReadonlyArray<{ readonly name: string, readonly value: string }> } | null } | null, readonly userErrors: ReadonlyArray<{ readonly code: MediaErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type UploadPartsSignMutationVariables = Exact<{
  input: UploadPartsSignInput;
}>;


export type UploadPartsSignMutation = { readonly uploadPartsSign: { readonly parts: ReadonlyArray<{ readonly number: number, readonly request: { readonly method: string, readonly url: string, readonly expiresAt: string, readonly headers: ReadonlyArray<{ readonly name: string, readonly value: string }> } }>, readonly userErrors: ReadonlyArray<{ readonly code: MediaErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type UploadCompleteMutationVariables = Exact<{
  input: UploadCompleteInput;
}>;


export type UploadCompleteMutation = { readonly uploadComplete: { readonly upload: { readonly id: string, readonly status: UploadStatus } | null, readonly asset: { readonly id: string, readonly kind: AssetKind, readonly status: AssetStatus, readonly filename: string, readonly contentType: string, readonly byteSize: number, readonly createdAt: string } | null, readonly task: { readonly id: string } | null, readonly userErrors: ReadonlyArray<{ readonly code: MediaErrorCode, readonly numericCode: number, readonly message: string, readonly path: ReadonlyArray<string>, readonly params: unknown }> } };

export type UploadQueryVariables = Exact<{
  id: string;
}>;


export type UploadQuery = { readonly upload: { readonly id: string, readonly status: UploadStatus, readonly receivedBytes: number, readonly missingParts: ReadonlyArray<number> } | null };

export type TaskFragment = { readonly id: string, readonly type: string, readonly status: TaskStatus, readonly progress: number, readonly currentStep: string | null, readonly createdAt: string, readonly finishedAt: string | null, readonly error: { readonly code: string, readonly message: string } | null };

export type TaskQueryVariables = Exact<{
  id: string;
}>;


export type TaskQuery = { readonly task: { readonly id: string, readonly type: string, readonly status: TaskStatus, readonly progress: number, readonly currentStep: string | null, readonly createdAt: string, readonly finishedAt: string | null, readonly error: { readonly code: string, readonly message: string } | null } | null };

export type TaskCancelMutationVariables = Exact<{
  input: TaskCancelInput;
}>;


export type TaskCancelMutation = { readonly taskCancel: { readonly task: { readonly id: string, readonly type: string, readonly status: TaskStatus, readonly progress: number, readonly currentStep: string | null, readonly createdAt: string, readonly finishedAt: string | null, readonly error: { readonly code: string, readonly message: string } | null } | null, readonly userErrors: ReadonlyArray<{ readonly code: TaskErrorCode, readonly message: string, readonly path: ReadonlyArray<string> }> } };

export type TaskProgressSubscriptionVariables = Exact<{
  id: string;
  after?: string | null | undefined;
}>;


export type TaskProgressSubscription = { readonly taskProgress:
    | { readonly cursor: string, readonly occurredAt: string, readonly status: TaskStatus, readonly progress: number, readonly currentStep: string | null, readonly estimatedRemainingMs: number | null }
    | { readonly occurredAt: string }
    | Record<PropertyKey, never>
   };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { readonly viewer: { readonly id: string, readonly email: string | null, readonly scopes: ReadonlyArray<string>, readonly user: { readonly id: string, readonly username: string, readonly displayName: string }, readonly quotas: ReadonlyArray<{ readonly meter: Meter, readonly limit: number | null, readonly used: number, readonly remaining: number | null }>, readonly storage: { readonly assets: number, readonly bytes: number } | null } | null };

export type ViewerAssetsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  where?: AssetWhere | null | undefined;
}>;


export type ViewerAssetsQuery = { readonly viewer: { readonly assets: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly kind: AssetKind, readonly status: AssetStatus, readonly filename: string, readonly contentType: string, readonly byteSize: number, readonly createdAt: string }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } | null } | null };

export type ViewerTasksQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  where?: TaskWhere | null | undefined;
}>;


export type ViewerTasksQuery = { readonly viewer: { readonly tasks: { readonly nodes: ReadonlyArray<{ readonly id: string, readonly type: string, readonly status: TaskStatus, readonly progress: number, readonly currentStep: string | null, readonly createdAt: string, readonly finishedAt: string | null, readonly error: { readonly code: string, readonly message: string } | null }>, readonly pageInfo: { readonly hasNextPage: boolean, readonly endCursor: string | null } } | null } | null };

export type PlansQueryVariables = Exact<{ [key: string]: never; }>;


export type PlansQuery = { readonly plans: ReadonlyArray<{ readonly code: PlanCode, readonly name: string }> };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const TokensFragmentDoc = new TypedDocumentString(`
    fragment Tokens on AuthTokens {
  accessToken
  refreshToken
  expiresAt
  deviceToken
  user {
    id
    username
  }
}
    `, {"fragmentName":"Tokens"}) as unknown as TypedDocumentString<TokensFragment, unknown>;
export const AccountsErrorFragmentDoc = new TypedDocumentString(`
    fragment AccountsError on AccountsUserError {
  code
  numericCode
  message
  path
  params
}
    `, {"fragmentName":"AccountsError"}) as unknown as TypedDocumentString<AccountsErrorFragment, unknown>;
export const AssetFragmentDoc = new TypedDocumentString(`
    fragment Asset on Asset {
  id
  kind
  status
  filename
  contentType
  byteSize
  createdAt
}
    `, {"fragmentName":"Asset"}) as unknown as TypedDocumentString<AssetFragment, unknown>;
export const SignedRequestFragmentDoc = new TypedDocumentString(`
    fragment SignedRequest on SignedRequest {
  method
  url
  headers {
    name
    value
  }
  expiresAt
}
    `, {"fragmentName":"SignedRequest"}) as unknown as TypedDocumentString<SignedRequestFragment, unknown>;
export const MediaErrorFragmentDoc = new TypedDocumentString(`
    fragment MediaError on MediaUserError {
  code
  numericCode
  message
  path
  params
}
    `, {"fragmentName":"MediaError"}) as unknown as TypedDocumentString<MediaErrorFragment, unknown>;
export const TaskFragmentDoc = new TypedDocumentString(`
    fragment Task on Task {
  id
  type
  status
  progress
  currentStep
  createdAt
  finishedAt
  error {
    code
    message
  }
}
    `, {"fragmentName":"Task"}) as unknown as TypedDocumentString<TaskFragment, unknown>;
export const AuthRegisterDocument = new TypedDocumentString(`
    mutation AuthRegister($input: AuthRegisterInput!) {
  authRegister(input: $input) {
    tokens {
      ...Tokens
    }
    userErrors {
      ...AccountsError
    }
  }
}
    fragment Tokens on AuthTokens {
  accessToken
  refreshToken
  expiresAt
  deviceToken
  user {
    id
    username
  }
}
fragment AccountsError on AccountsUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<AuthRegisterMutation, AuthRegisterMutationVariables>;
export const AuthLoginDocument = new TypedDocumentString(`
    mutation AuthLogin($input: AuthLoginInput!) {
  authLogin(input: $input) {
    tokens {
      ...Tokens
    }
    userErrors {
      ...AccountsError
    }
  }
}
    fragment Tokens on AuthTokens {
  accessToken
  refreshToken
  expiresAt
  deviceToken
  user {
    id
    username
  }
}
fragment AccountsError on AccountsUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<AuthLoginMutation, AuthLoginMutationVariables>;
export const AuthTokenRefreshDocument = new TypedDocumentString(`
    mutation AuthTokenRefresh($input: AuthTokenRefreshInput!) {
  authTokenRefresh(input: $input) {
    tokens {
      ...Tokens
    }
    userErrors {
      ...AccountsError
    }
  }
}
    fragment Tokens on AuthTokens {
  accessToken
  refreshToken
  expiresAt
  deviceToken
  user {
    id
    username
  }
}
fragment AccountsError on AccountsUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<AuthTokenRefreshMutation, AuthTokenRefreshMutationVariables>;
export const AuthLogoutDocument = new TypedDocumentString(`
    mutation AuthLogout($input: AuthLogoutInput!) {
  authLogout(input: $input) {
    userErrors {
      ...AccountsError
    }
  }
}
    fragment AccountsError on AccountsUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<AuthLogoutMutation, AuthLogoutMutationVariables>;
export const UploadCreateDocument = new TypedDocumentString(`
    mutation UploadCreate($input: UploadCreateInput!) {
  uploadCreate(input: $input) {
    upload {
      id
      strategy
      partSize
      partCount
      expiresAt
      put {
        ...SignedRequest
      }
    }
    userErrors {
      ...MediaError
    }
  }
}
    fragment SignedRequest on SignedRequest {
  method
  url
  headers {
    name
    value
  }
  expiresAt
}
fragment MediaError on MediaUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<UploadCreateMutation, UploadCreateMutationVariables>;
export const UploadPartsSignDocument = new TypedDocumentString(`
    mutation UploadPartsSign($input: UploadPartsSignInput!) {
  uploadPartsSign(input: $input) {
    parts {
      number
      request {
        ...SignedRequest
      }
    }
    userErrors {
      ...MediaError
    }
  }
}
    fragment SignedRequest on SignedRequest {
  method
  url
  headers {
    name
    value
  }
  expiresAt
}
fragment MediaError on MediaUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<UploadPartsSignMutation, UploadPartsSignMutationVariables>;
export const UploadCompleteDocument = new TypedDocumentString(`
    mutation UploadComplete($input: UploadCompleteInput!) {
  uploadComplete(input: $input) {
    upload {
      id
      status
    }
    asset {
      ...Asset
    }
    task {
      id
    }
    userErrors {
      ...MediaError
    }
  }
}
    fragment Asset on Asset {
  id
  kind
  status
  filename
  contentType
  byteSize
  createdAt
}
fragment MediaError on MediaUserError {
  code
  numericCode
  message
  path
  params
}`) as unknown as TypedDocumentString<UploadCompleteMutation, UploadCompleteMutationVariables>;
export const UploadDocument = new TypedDocumentString(`
    query Upload($id: ID!) {
  upload(id: $id) {
    id
    status
    receivedBytes
    missingParts
  }
}
    `) as unknown as TypedDocumentString<UploadQuery, UploadQueryVariables>;
export const TaskDocument = new TypedDocumentString(`
    query Task($id: ID!) {
  task(id: $id) {
    ...Task
  }
}
    fragment Task on Task {
  id
  type
  status
  progress
  currentStep
  createdAt
  finishedAt
  error {
    code
    message
  }
}`) as unknown as TypedDocumentString<TaskQuery, TaskQueryVariables>;
export const TaskCancelDocument = new TypedDocumentString(`
    mutation TaskCancel($input: TaskCancelInput!) {
  taskCancel(input: $input) {
    task {
      ...Task
    }
    userErrors {
      code
      message
      path
    }
  }
}
    fragment Task on Task {
  id
  type
  status
  progress
  currentStep
  createdAt
  finishedAt
  error {
    code
    message
  }
}`) as unknown as TypedDocumentString<TaskCancelMutation, TaskCancelMutationVariables>;
export const TaskProgressDocument = new TypedDocumentString(`
    subscription TaskProgress($id: ID!, $after: Cursor) {
  taskProgress(id: $id, after: $after) {
    ... on TaskProgressed {
      cursor
      occurredAt
      status
      progress
      currentStep
      estimatedRemainingMs
    }
    ... on ResyncRequired {
      occurredAt
    }
  }
}
    `) as unknown as TypedDocumentString<TaskProgressSubscription, TaskProgressSubscriptionVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    id
    email
    scopes
    user {
      id
      username
      displayName
    }
    quotas {
      meter
      limit
      used
      remaining
    }
    storage {
      assets
      bytes
    }
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const ViewerAssetsDocument = new TypedDocumentString(`
    query ViewerAssets($first: Int, $after: Cursor, $where: AssetWhere) {
  viewer {
    assets(first: $first, after: $after, where: $where) {
      nodes {
        ...Asset
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment Asset on Asset {
  id
  kind
  status
  filename
  contentType
  byteSize
  createdAt
}`) as unknown as TypedDocumentString<ViewerAssetsQuery, ViewerAssetsQueryVariables>;
export const ViewerTasksDocument = new TypedDocumentString(`
    query ViewerTasks($first: Int, $after: Cursor, $where: TaskWhere) {
  viewer {
    tasks(first: $first, after: $after, where: $where) {
      nodes {
        ...Task
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}
    fragment Task on Task {
  id
  type
  status
  progress
  currentStep
  createdAt
  finishedAt
  error {
    code
    message
  }
}`) as unknown as TypedDocumentString<ViewerTasksQuery, ViewerTasksQueryVariables>;
export const PlansDocument = new TypedDocumentString(`
    query Plans {
  plans {
    code
    name
  }
}
    `) as unknown as TypedDocumentString<PlansQuery, PlansQueryVariables>;
