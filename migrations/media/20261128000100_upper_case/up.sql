-- Closed sets have one form in the database, in facts and in the schema: upper case.
ALTER TABLE blob DROP CONSTRAINT blob_kind_check, DROP CONSTRAINT blob_state_check;
DROP INDEX blob_unprocessed;
UPDATE blob SET kind = upper(kind), state = upper(state);
ALTER TABLE blob
    ADD CONSTRAINT blob_kind_check CHECK (kind IN ('IMAGE', 'VIDEO', 'AUDIO', 'DOCUMENT', 'ARCHIVE', 'OTHER')),
    ADD CONSTRAINT blob_state_check CHECK (state IN ('PROCESSING', 'READY', 'FAILED', 'QUARANTINED'));
CREATE INDEX blob_unprocessed ON blob (created_at) WHERE state = 'PROCESSING';

ALTER TABLE derivative DROP CONSTRAINT derivative_format_check;
UPDATE derivative SET format = upper(format);
ALTER TABLE derivative
    ADD CONSTRAINT derivative_format_check CHECK (format IN ('WEBP', 'JPEG', 'AVIF'));

ALTER TABLE upload
    DROP CONSTRAINT upload_strategy_check,
    DROP CONSTRAINT upload_status_check,
    DROP CONSTRAINT upload_quota_state_check;
DROP INDEX upload_unfinished, upload_unsettled;
UPDATE upload SET strategy = upper(strategy), status = upper(status), quota_state = upper(quota_state);
ALTER TABLE upload
    ADD CONSTRAINT upload_strategy_check CHECK (strategy IN ('SINGLE_PUT', 'MULTIPART', 'INSTANT')),
    ADD CONSTRAINT upload_status_check CHECK (status IN ('PREPARING', 'OPEN', 'COMPLETED', 'ABORTED', 'EXPIRED', 'REJECTED')),
    ADD CONSTRAINT upload_quota_state_check CHECK (quota_state IN ('RESERVED', 'HELD', 'COMMIT_DUE', 'COMMITTED', 'RELEASE_DUE', 'RELEASED'));
CREATE INDEX upload_unfinished ON upload (expires_at) WHERE status IN ('PREPARING', 'OPEN');
CREATE INDEX upload_unsettled ON upload (created_at) WHERE quota_state IN ('COMMIT_DUE', 'RELEASE_DUE');

-- Say what it is.
ALTER TABLE doomed_object RENAME TO object_removal;
ALTER INDEX doomed_object_pkey RENAME TO object_removal_pkey;
ALTER INDEX doomed_object_due RENAME TO object_removal_due;
ALTER INDEX doomed_object_upload RENAME TO object_removal_upload;
ALTER SEQUENCE doomed_object_id_seq RENAME TO object_removal_id_seq;
