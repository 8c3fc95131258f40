-- What the sweep forgets is found by its age.
CREATE INDEX refresh_token_expires_at ON refresh_token (expires_at);
CREATE INDEX session_revoked_at ON session (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX quota_reservation_settled_at ON quota_reservation (settled_at) WHERE state IN ('RELEASED', 'EXPIRED');
CREATE INDEX quota_entry_at ON quota_entry (at);
