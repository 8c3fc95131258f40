-- Further ids to which an event matters, beside its key: events are handed on by them.
ALTER TABLE outbox ADD COLUMN concerns text[] NOT NULL DEFAULT '{}';
