-- Loses events that are not yet published: only for development.
DROP TABLE inbox;
DROP TABLE outbox;
