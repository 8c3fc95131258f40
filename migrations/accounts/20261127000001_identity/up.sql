-- Who exchanged a refresh token (a hash of network and program), and what its successor was made with:
-- the same client that tries again at once gets the same tokens again.
ALTER TABLE refresh_token ADD COLUMN used_by bytea, ADD COLUMN successor_salt bytea;

-- Where an access token was used from: an IPv4 address or an IPv6 /64. The first use from each is on
-- record in the audit log.
CREATE TABLE access_token_network (
    access_token_id uuid NOT NULL REFERENCES access_token (id) ON DELETE CASCADE,
    network text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    PRIMARY KEY (access_token_id, network)
);

-- Sign-ins are forgotten after a while.
CREATE INDEX audit_event_sign_ins ON audit_event (at) WHERE action LIKE 'auth.%';
