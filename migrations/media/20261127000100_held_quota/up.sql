-- The quota of an upload that ends without a file is held until the store takes no more bytes for it.
ALTER TABLE upload DROP CONSTRAINT upload_quota_state_check;
ALTER TABLE upload ADD CONSTRAINT upload_quota_state_check
    CHECK (quota_state IN ('reserved', 'held', 'commit_due', 'committed', 'release_due', 'released'));

-- The upload whose quota is held until this is removed.
ALTER TABLE doomed_object ADD COLUMN upload_id uuid;
CREATE INDEX doomed_object_upload ON doomed_object (upload_id) WHERE upload_id IS NOT NULL;

-- Every upload goes by a multipart upload of the store now, also one in one piece. Those that were
-- begun another way end here; what they brought is removed when their signatures are void.
INSERT INTO doomed_object (storage_key, due_at, upload_id)
    SELECT storage_key, expires_at, id FROM upload
    WHERE strategy = 'single_put' AND status = 'open' AND multipart_id IS NULL;
UPDATE upload SET status = 'expired', quota_state = 'held', closed_at = now()
    WHERE strategy = 'single_put' AND status = 'open' AND multipart_id IS NULL;
