-- Pictures that may be public although no profile shows them, or the other way round: written before
-- media is asked to publish one, and deleted when media and the profile agree.
CREATE TABLE avatar_change (
    account_id uuid NOT NULL REFERENCES account ON DELETE CASCADE,
    asset_id uuid NOT NULL,
    -- Of the latest change; whoever settles an earlier one leaves the row to the latest.
    token uuid NOT NULL,
    due_at timestamptz NOT NULL,
    -- Until then somebody tells media.
    claimed_until timestamptz,
    PRIMARY KEY (account_id, asset_id)
);
CREATE INDEX avatar_change_due ON avatar_change (due_at);
