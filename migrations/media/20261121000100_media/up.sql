-- Stored bytes. Several assets may share a blob; it goes when the last of them is purged.
CREATE TABLE blob (
    id uuid PRIMARY KEY,
    -- Only what the server has verified itself; null until then.
    sha256 bytea CHECK (octet_length(sha256) = 32),
    -- What the uploader announced, for the worker to verify.
    declared_sha256 bytea CHECK (octet_length(declared_sha256) = 32),
    byte_size bigint NOT NULL CHECK (byte_size > 0),
    content_type text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('image', 'video', 'audio', 'document', 'archive', 'other')),
    storage_key text NOT NULL UNIQUE,
    reference_count integer NOT NULL CHECK (reference_count >= 0),
    state text NOT NULL CHECK (state IN ('processing', 'ready', 'failed', 'quarantined')),
    -- Why processing failed, as the owner is told.
    failure text,
    metadata jsonb,
    blurhash text,
    dominant_color text,
    created_at timestamptz NOT NULL,
    processed_at timestamptz
);
CREATE UNIQUE INDEX blob_sha256 ON blob (sha256);
CREATE INDEX blob_unprocessed ON blob (created_at) WHERE state = 'processing';

-- Smaller or converted versions of a blob.
CREATE TABLE derivative (
    blob_id uuid NOT NULL REFERENCES blob ON DELETE CASCADE,
    name text NOT NULL,
    format text NOT NULL CHECK (format IN ('webp', 'jpeg', 'avif')),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    byte_size bigint NOT NULL CHECK (byte_size > 0),
    storage_key text NOT NULL,
    PRIMARY KEY (blob_id, name, format)
);

-- A file as its owner knows it.
CREATE TABLE asset (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    blob_id uuid NOT NULL REFERENCES blob,
    filename text NOT NULL,
    -- As its uploader announced it, and its bytes bear out.
    content_type text NOT NULL,
    purpose text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    trashed_at timestamptz
);
CREATE INDEX asset_owner ON asset (owner_id, created_at, id);
CREATE INDEX asset_blob ON asset (blob_id);
CREATE INDEX asset_trashed ON asset (trashed_at) WHERE trashed_at IS NOT NULL;

CREATE TABLE upload (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL,
    filename text NOT NULL,
    content_type text NOT NULL,
    byte_size bigint NOT NULL CHECK (byte_size > 0),
    declared_sha256 bytea CHECK (octet_length(declared_sha256) = 32),
    purpose text,
    strategy text NOT NULL CHECK (strategy IN ('single_put', 'multipart', 'instant')),
    status text NOT NULL CHECK (status IN ('preparing', 'open', 'completed', 'aborted', 'expired', 'rejected')),
    -- Where the client's bytes arrive; null for instant uploads.
    storage_key text,
    multipart_id text,
    part_size bigint NOT NULL CHECK (part_size > 0),
    part_count integer NOT NULL CHECK (part_count BETWEEN 1 AND 10000),
    checksum_parts boolean NOT NULL,
    -- What the client must answer to prove that it has the content.
    challenge jsonb,
    proof_attempts smallint NOT NULL DEFAULT 0,
    -- Where accounts' ledger stands; `*_due` is told to accounts after commit, and again until it
    -- has answered.
    quota_state text NOT NULL CHECK (quota_state IN ('reserved', 'commit_due', 'committed', 'release_due', 'released')),
    idempotency_key text,
    request_hash bytea,
    -- The completion that is at work, and the object it is making.
    claimed_until timestamptz,
    claim_key text,
    asset_id uuid REFERENCES asset ON DELETE SET NULL,
    task_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz
);
CREATE INDEX upload_owner ON upload (owner_id, created_at, id);
CREATE UNIQUE INDEX upload_idempotency ON upload (owner_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX upload_asset ON upload (asset_id);
CREATE INDEX upload_unfinished ON upload (expires_at) WHERE status IN ('preparing', 'open');
CREATE INDEX upload_unsettled ON upload (created_at) WHERE quota_state IN ('commit_due', 'release_due');
CREATE INDEX upload_closed ON upload (closed_at) WHERE closed_at IS NOT NULL AND asset_id IS NULL;

-- The parts of multipart uploads: signed for the client, and seen in the store.
CREATE TABLE upload_part (
    upload_id uuid NOT NULL REFERENCES upload ON DELETE CASCADE,
    number integer NOT NULL CHECK (number BETWEEN 1 AND 10000),
    byte_size bigint NOT NULL CHECK (byte_size > 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    signed_at timestamptz,
    etag text,
    received_at timestamptz,
    PRIMARY KEY (upload_id, number)
);

-- What is to be removed from the store, written in the transaction that makes it garbage.
CREATE TABLE doomed_object (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    storage_key text NOT NULL,
    -- Then it is an unfinished multipart upload that is aborted, else an object that is deleted.
    multipart_id text,
    due_at timestamptz NOT NULL
);
CREATE INDEX doomed_object_due ON doomed_object (due_at);
