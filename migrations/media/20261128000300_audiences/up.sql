-- Who besides its owner may see an asset: as long as anything (`subject`, of `domain`) shows it to an
-- audience, which is `public` or the wire id of a group.
CREATE TABLE asset_audience (
    asset_id uuid NOT NULL REFERENCES asset ON DELETE CASCADE,
    audience text NOT NULL CHECK (octet_length(audience) BETWEEN 1 AND 43),
    domain text NOT NULL,
    subject text NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 43),
    attached_at timestamptz NOT NULL,
    PRIMARY KEY (asset_id, audience, domain, subject)
);
CREATE INDEX asset_audience_of_group ON asset_audience (audience) WHERE audience <> 'public';

-- Who belongs to a group, as its domain has told. Former members are kept for a while, so that a fact
-- that comes late does not bring them back.
CREATE TABLE group_member (
    group_id text NOT NULL CHECK (octet_length(group_id) BETWEEN 1 AND 43),
    user_id uuid NOT NULL,
    is_member boolean NOT NULL,
    -- Of the latest change that was heard of.
    revision bigint NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_member_user ON group_member (user_id);
CREATE INDEX group_member_former ON group_member (changed_at) WHERE NOT is_member;

-- Groups that are gone, until their members and attachments are gone as well and no fact about them
-- can come any more.
CREATE TABLE deleted_group (
    group_id text PRIMARY KEY CHECK (octet_length(group_id) BETWEEN 1 AND 43),
    deleted_at timestamptz NOT NULL
);
CREATE INDEX deleted_group_deleted_at ON deleted_group (deleted_at);
