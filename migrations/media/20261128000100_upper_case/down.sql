ALTER SEQUENCE object_removal_id_seq RENAME TO doomed_object_id_seq;
ALTER INDEX object_removal_upload RENAME TO doomed_object_upload;
ALTER INDEX object_removal_due RENAME TO doomed_object_due;
ALTER INDEX object_removal_pkey RENAME TO doomed_object_pkey;
ALTER TABLE object_removal RENAME TO doomed_object;

ALTER TABLE upload
    DROP CONSTRAINT upload_strategy_check,
    DROP CONSTRAINT upload_status_check,
    DROP CONSTRAINT upload_quota_state_check;
DROP INDEX upload_unfinished, upload_unsettled;
UPDATE upload SET strategy = lower(strategy), status = lower(status), quota_state = lower(quota_state);
ALTER TABLE upload
    ADD CONSTRAINT upload_strategy_check CHECK (strategy IN ('single_put', 'multipart', 'instant')),
    ADD CONSTRAINT upload_status_check CHECK (status IN ('preparing', 'open', 'completed', 'aborted', 'expired', 'rejected')),
    ADD CONSTRAINT upload_quota_state_check CHECK (quota_state IN ('reserved', 'held', 'commit_due', 'committed', 'release_due', 'released'));
CREATE INDEX upload_unfinished ON upload (expires_at) WHERE status IN ('preparing', 'open');
CREATE INDEX upload_unsettled ON upload (created_at) WHERE quota_state IN ('commit_due', 'release_due');

ALTER TABLE derivative DROP CONSTRAINT derivative_format_check;
UPDATE derivative SET format = lower(format);
ALTER TABLE derivative
    ADD CONSTRAINT derivative_format_check CHECK (format IN ('webp', 'jpeg', 'avif'));

ALTER TABLE blob DROP CONSTRAINT blob_kind_check, DROP CONSTRAINT blob_state_check;
DROP INDEX blob_unprocessed;
UPDATE blob SET kind = lower(kind), state = lower(state);
ALTER TABLE blob
    ADD CONSTRAINT blob_kind_check CHECK (kind IN ('image', 'video', 'audio', 'document', 'archive', 'other')),
    ADD CONSTRAINT blob_state_check CHECK (state IN ('processing', 'ready', 'failed', 'quarantined'));
CREATE INDEX blob_unprocessed ON blob (created_at) WHERE state = 'processing';
