-- Every domain's schema holds these tables. Facts wait in the outbox, written by the transaction
-- that made them true, until the relay has published them.
CREATE TABLE outbox (
    -- The writing transaction: rows are published once no older transaction can still add one, so
    -- (tx, id) orders a domain's events once and for all.
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    payload jsonb NOT NULL,
    trace text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tx, id)
);

-- What each consumer of this domain has handled: an event that comes twice is passed over.
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_handled_at ON inbox (handled_at);
