ALTER TABLE doomed_object DROP COLUMN upload_id;
UPDATE upload SET quota_state = 'release_due' WHERE quota_state = 'held';
ALTER TABLE upload DROP CONSTRAINT upload_quota_state_check;
ALTER TABLE upload ADD CONSTRAINT upload_quota_state_check
    CHECK (quota_state IN ('reserved', 'commit_due', 'committed', 'release_due', 'released'));
