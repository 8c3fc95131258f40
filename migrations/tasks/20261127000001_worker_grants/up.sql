-- What the credential of an external worker is bound to: without a row it leases nothing.
CREATE TABLE worker_grant (
    access_token uuid PRIMARY KEY,
    queues text[] NOT NULL,
    types text[] NOT NULL,
    -- Only tasks of this user; null for those of everybody and of nobody.
    owner uuid,
    granted_by uuid NOT NULL,
    granted_at timestamptz NOT NULL
);

-- What the results of a type's tasks look like, in some words of JSON Schema.
CREATE TABLE result_shape (
    type text PRIMARY KEY,
    shape jsonb NOT NULL,
    declared_at timestamptz NOT NULL
);

-- The credential that a worker came with; null for workers of the system itself.
ALTER TABLE worker ADD COLUMN access_token uuid;
