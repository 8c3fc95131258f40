-- Users whose accounts are gone, until everything of theirs is gone as well.
CREATE TABLE deleted_user (
    user_id uuid PRIMARY KEY,
    noted_at timestamptz NOT NULL,
    -- When to look next for what is still here.
    due_at timestamptz NOT NULL
);
CREATE INDEX deleted_user_due ON deleted_user (due_at);
