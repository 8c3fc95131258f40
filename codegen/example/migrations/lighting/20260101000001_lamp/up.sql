CREATE TABLE lamp (
    id uuid PRIMARY KEY,
    -- An account's id; accounts may live in another database.
    owner_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE INDEX lamp_owner ON lamp (owner_id, created_at, id);
