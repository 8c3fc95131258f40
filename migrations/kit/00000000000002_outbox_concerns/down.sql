ALTER TABLE outbox DROP COLUMN concerns;
