// Written by `make generate` from operations/; do not edit.

/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** Why an operation on an account was refused. */
export type AccountsErrorCode =
  /** The username breaks the rules for usernames. */
  | 'USERNAME_INVALID'
  /** The username is reserved for the installation. */
  | 'USERNAME_RESERVED'
  /** The text is not an email address. */
  | 'EMAIL_INVALID'
  /** The username or the email address is taken. Which of them is not revealed. */
  | 'IDENTITY_TAKEN'
  /** The password is too short, too long or too easy to guess. */
  | 'WEAK_PASSWORD'
  /** The account does not exist, or the password is wrong. Which of them is not revealed. */
  | 'INVALID_CREDENTIALS'
  /** There were too many attempts. `params` holds `retryAfterSeconds`. */
  | 'TOO_MANY_ATTEMPTS'
  /**
   * The account is suspended or deleted. `params` holds the `reason` and the time `until` of
   * a suspension.
   */
  | 'ACCOUNT_DISABLED'
  /** The refresh token is unknown or has expired, or its session has ended. */
  | 'REFRESH_INVALID'
  /**
   * The refresh token was used before, so it may have been stolen. Its session has been
   * ended.
   */
  | 'REFRESH_REUSED'
  /** The text is too long. `params` holds the limit as `max`. */
  | 'TOO_LONG'
  /** The field must not be empty. */
  | 'REQUIRED'
  /** The object does not exist, or the caller may not act on it. */
  | 'NOT_FOUND'
  /** The time is in the past. */
  | 'IN_THE_PAST'
  /** The operation is not allowed on the caller's own account. */
  | 'NOT_ON_YOURSELF'
  /** The account is not scheduled for deletion. */
  | 'NOT_PENDING_DELETION'
  /** The text is not a valid scope. `params` holds the `scope`. */
  | 'SCOPE_INVALID'
  /**
   * The caller does not hold a scope that they want to grant or change. `params` holds the
   * `scope`.
   */
  | 'SCOPE_NOT_HELD'
  /** The name of the role is taken. */
  | 'ROLE_NAME_TAKEN'
  /** The role is built in and cannot be changed. */
  | 'ROLE_BUILT_IN'
  /** At least one administrator must remain. */
  | 'LAST_ADMIN'
  /** A limit on the number of objects is reached. `params` holds the limit as `max`. */
  | 'LIMIT_REACHED'
  /** Not enough of the quota is left. `params` holds the `meter` and what is `remaining`. */
  | 'QUOTA_EXCEEDED'
  /** The amount is out of range. `params` holds `min` and `max`. */
  | 'AMOUNT_INVALID'
  /** The key belongs to a reservation with other values. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** The reservation was released. `params` holds its `state`. */
  | 'RESERVATION_CLOSED'
  /** The password is among the most common ones. */
  | 'PASSWORD_COMMON'
  /** The request uses more than one password. */
  | 'ONE_PER_REQUEST'
  /** The display name suggests that the user belongs to the installation's staff. */
  | 'DISPLAY_NAME_RESERVED'
  /** The file is not a picture. */
  | 'AVATAR_NOT_PICTURE'
  /** The user holds scopes that the caller does not hold. */
  | 'OUTRANKED'
  | '%future added value';

/** What kind of file an asset is, judged by its content. */
export type AssetKind =
  /** A picture. */
  | 'IMAGE'
  /** A video. */
  | 'VIDEO'
  /** A sound recording or music. */
  | 'AUDIO'
  /** A text document. */
  | 'DOCUMENT'
  /** An archive that contains other files. */
  | 'ARCHIVE'
  /** Any other kind of file. */
  | 'OTHER'
  | '%future added value';

/** The state of a file. */
export type AssetStatus =
  /** The file can be read. Its derivatives and metadata are still being made. */
  | 'PROCESSING'
  /** The file can be read, and its processing has ended. */
  | 'ACTIVE'
  /** The file failed verification and cannot be read. */
  | 'QUARANTINED'
  /** The file is in the trash. */
  | 'TRASHED'
  | '%future added value';

/** Selects files of a list. */
export type AssetWhere = {
  /** Returns only files of this kind. */
  readonly kind?: AssetKind | null | undefined;
  /** Returns the files in the trash instead of those outside of it. */
  readonly trashed?: boolean;
};

/** The input of `authLogin`. */
export type AuthLoginInput = {
  /** The username or the email address of the account. */
  readonly login: string;
  /** The password of the account. */
  readonly password: string;
  /** The `deviceToken` of an earlier sign-in on this device, if there was one. */
  readonly deviceToken?: string | null | undefined;
};

/** The input of `authLogout`. */
export type AuthLogoutInput = {
  /** Accepted and ignored. */
  readonly clientMutationId?: string | null | undefined;
};

/** The input of `authRegister`. */
export type AuthRegisterInput = {
  /** The email address of the new account. */
  readonly email: string;
  /**
   * The username: 2 to 30 letters, digits, dots, hyphens or underscores. Its letters are of one
   * script, and it begins and ends with a letter or digit. Names that look alike count as the
   * same.
   */
  readonly username: string;
  /**
   * The password: at least 8 characters and at most 256 bytes. Common passwords, and the
   * username or email address, are refused.
   */
  readonly password: string;
  /** The name shown to others, at most 64 characters; the username by default. */
  readonly displayName?: string | null | undefined;
};

/** The input of `authTokenRefresh`. */
export type AuthTokenRefreshInput = {
  /** The refresh token to exchange. */
  readonly refreshToken: string;
};

/** The reason why an operation on a file or an upload was refused. */
export type MediaErrorCode =
  /** The file or upload does not exist, or the caller may not see it. */
  | 'NOT_FOUND'
  /** The file name is empty, too long, or contains slashes or control characters. */
  | 'FILENAME_INVALID'
  /** The content type is not a MIME type. */
  | 'CONTENT_TYPE_INVALID'
  /** The size is not positive or exceeds the maximum. */
  | 'BYTE_SIZE_INVALID'
  /** A SHA-256 is not written with 64 hexadecimal digits, is missing, or was given although the upload has none. */
  | 'DIGEST_INVALID'
  /** The storage quota of the caller is too small for the file. */
  | 'QUOTA_EXCEEDED'
  /** The idempotency key was used before with other input. */
  | 'IDEMPOTENCY_KEY_REUSED'
  /** The idempotency key or the purpose is empty or too long. */
  | 'TEXT_INVALID'
  /** The upload was completed, aborted or rejected, or has expired. */
  | 'UPLOAD_CLOSED'
  /** Another request is completing the upload. */
  | 'UPLOAD_BUSY'
  /** The operation does not fit the strategy of the upload. */
  | 'WRONG_STRATEGY'
  /** Nothing has been sent yet. */
  | 'NOT_UPLOADED'
  /** Some parts have not been sent. */
  | 'PARTS_MISSING'
  /** A part number is out of range or was given twice. */
  | 'PART_INVALID'
  /** A part has the wrong size. */
  | 'PART_SIZE_MISMATCH'
  /** The file does not have the announced size. */
  | 'SIZE_MISMATCH'
  /** The content does not match the announced SHA-256. */
  | 'CHECKSUM_MISMATCH'
  /** The content does not match the announced MIME type. */
  | 'TYPE_MISMATCH'
  /** The answer to the challenge is wrong. */
  | 'PROOF_REJECTED'
  /** The stored content that was to be reused no longer exists. Send the file instead. */
  | 'CONTENT_GONE'
  /** The list of IDs or parts is empty or too long. */
  | 'LIST_INVALID'
  /** The file is not in the trash; only files in the trash can be purged. */
  | 'NOT_TRASHED'
  | '%future added value';

/** A resource whose use is limited by a quota. */
export type Meter =
  /** Rendered videos. */
  | 'VIDEOS'
  /** Stored bytes. */
  | 'STORAGE_BYTES'
  /** Credits for operations that use AI. */
  | 'AI_CREDITS'
  /** The cost of API operations. */
  | 'API_COST'
  /** Existing projects. */
  | 'PROJECTS'
  /** Members of a team. */
  | 'SEATS'
  | '%future added value';

/** The code of a plan. */
export type PlanCode =
  /** The free plan, which every new account has. */
  | 'FREE'
  /** The smallest paid plan. */
  | 'BASIC'
  /** The plan for professionals. */
  | 'PRO'
  /** The plan without limits. */
  | 'ENTERPRISE'
  | '%future added value';

/** The input of `taskCancel`. */
export type TaskCancelInput = {
  /** The id of the task. */
  readonly id: string;
};

/** Why an operation on tasks is refused. */
export type TaskErrorCode =
  /** Nothing with this id exists that the caller may see. */
  | 'NOT_FOUND'
  /** An input value is not acceptable. */
  | 'INVALID_INPUT'
  /** The task has already ended. */
  | 'ALREADY_FINISHED'
  /** The task, and each of its children, neither failed nor was cancelled. */
  | 'NOT_RETRYABLE'
  /** The lease has expired, was taken away, or never existed. */
  | 'LEASE_LOST'
  /** The worker is not registered, or belongs to another account. */
  | 'UNKNOWN_WORKER'
  /** A JSON value is too large. */
  | 'PAYLOAD_TOO_LARGE'
  /** The cron pattern is not valid. */
  | 'INVALID_CRON'
  /** The time zone does not exist. */
  | 'UNKNOWN_TIMEZONE'
  /** The credential was not granted the queue or the type of task. */
  | 'NOT_GRANTED'
  /** The queue is reserved for workers of the system itself. */
  | 'QUEUE_RESERVED'
  /** The result does not have the shape that was declared for its type. */
  | 'RESULT_INVALID'
  /** No shape was declared for results of the type. */
  | 'UNKNOWN_TYPE'
  | '%future added value';

/** The state of a task. */
export type TaskStatus =
  /** It waits for its start time. */
  | 'SCHEDULED'
  /** It waits for a worker. */
  | 'QUEUED'
  /** A worker is working on it, or it waits for its children. */
  | 'RUNNING'
  /** An attempt failed, and it waits for the next one. */
  | 'RETRYING'
  /** It is done. */
  | 'SUCCEEDED'
  /** It is done, but some of its children failed or were cancelled. */
  | 'PARTIALLY_SUCCEEDED'
  /** It failed and has no attempts left. It stays a dead letter until somebody replays it. */
  | 'FAILED'
  /** It was cancelled. */
  | 'CANCELLED'
  | '%future added value';

/** The tasks to return: those that match every given field. */
export type TaskWhere = {
  /** The state is one of these. */
  readonly status?: ReadonlyArray<TaskStatus> | null | undefined;
  /** The type is one of these, at most 50. */
  readonly type?: ReadonlyArray<string> | null | undefined;
  /** The queue is this one. */
  readonly queue?: string | null | undefined;
  /** The task is about the entity with this id. */
  readonly subject?: string | null | undefined;
};

/** The input of `uploadComplete`. */
export type UploadCompleteInput = {
  /** The ID of the upload. */
  readonly uploadId: string;
};

/** The input of `uploadCreate`: a file to be uploaded. */
export type UploadCreateInput = {
  /** The file name: 1 to 255 characters, without slashes. */
  readonly filename: string;
  /**
   * The MIME type, which is checked against the content. Use `application/octet-stream` if it is not
   * known.
   */
  readonly contentType: string;
  /** The size of the file in bytes. */
  readonly byteSize: number;
  /**
   * The SHA-256 of the file in hexadecimal digits. The content is verified against it; if the same
   * content is already stored, it need not be sent.
   */
  readonly sha256?: string | null | undefined;
  /** What the file is for, in your own terms; at most 128 characters. */
  readonly purpose?: string | null | undefined;
  /**
   * A key of your choice, at most 128 characters. Repeating the call with the same key and input
   * returns the same upload.
   */
  readonly idempotencyKey?: string | null | undefined;
  /**
   * Whether each part is sent with its SHA-256, which the store verifies. Has no effect on files sent in
   * one request.
   */
  readonly checksumParts?: boolean;
  /** Whether to skip sending if the same content is already stored. Needs `sha256`. */
  readonly instant?: boolean;
};

/** A part that the client wants to send. */
export type UploadPartInput = {
  /** The number of the part, from 1. */
  readonly number: number;
  /**
   * The SHA-256 of the part in hexadecimal digits. Required if the upload was created with
   * `checksumParts`, and refused otherwise.
   */
  readonly sha256?: string | null | undefined;
};

/** The input of `uploadPartsSign`. */
export type UploadPartsSignInput = {
  /** The ID of the upload. */
  readonly uploadId: string;
  /** The parts to send, at most 1000. */
  readonly parts: ReadonlyArray<UploadPartInput>;
};

/** The state of an upload. */
export type UploadStatus =
  /** The upload could not be opened yet. Create it again with the same idempotency key. */
  | 'PREPARING'
  /** The client can send the file. */
  | 'OPEN'
  /** The file was received and exists as an asset. */
  | 'COMPLETED'
  /** The upload was aborted. */
  | 'ABORTED'
  /** The upload was not completed in time. */
  | 'EXPIRED'
  /** The upload failed verification: what was sent is not what was announced. */
  | 'REJECTED'
  | '%future added value';

/** How the bytes of an upload reach the object store. */
export type UploadStrategy =
  /** In one request: send the file with `Upload.put`. */
  | 'SINGLE_PUT'
  /** In parts: sign a request for each part with `uploadPartsSign`. */
  | 'MULTIPART'
  /**
   * Nothing is sent, because the content is already stored: answer `Upload.challenge` with
   * `uploadProve`.
   */
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
