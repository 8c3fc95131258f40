DROP INDEX quota_entry_at;
DROP INDEX quota_reservation_settled_at;
DROP INDEX session_revoked_at;
DROP INDEX refresh_token_expires_at;
