DROP INDEX audit_event_sign_ins;
DROP TABLE access_token_network;
ALTER TABLE refresh_token DROP COLUMN used_by, DROP COLUMN successor_salt;
