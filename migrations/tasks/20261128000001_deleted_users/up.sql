-- Accounts that are gone, until nothing of theirs is left here and nothing more can come.
CREATE TABLE deleted_user (
    id uuid PRIMARY KEY,
    deleted_at timestamptz NOT NULL
);

-- When the task lost what told about its owner: it cannot be tried again.
ALTER TABLE task ADD COLUMN forgotten_at timestamptz;

-- What somebody granted to others outlives their account.
ALTER TABLE worker_grant ALTER COLUMN granted_by DROP NOT NULL;
