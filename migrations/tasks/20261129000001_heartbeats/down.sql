ALTER TABLE task RESET (fillfactor);
CREATE INDEX task_lease_expires_at ON task (lease_expires_at) WHERE lease_id IS NOT NULL;
