DELETE FROM worker_grant WHERE granted_by IS NULL;
ALTER TABLE worker_grant ALTER COLUMN granted_by SET NOT NULL;
ALTER TABLE task DROP COLUMN forgotten_at;
DROP TABLE deleted_user;
