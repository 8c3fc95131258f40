-- Tasks: asked for, leased, done.
CREATE TABLE task (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    queue text NOT NULL,
    status text NOT NULL CHECK (status IN ('SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING',
        'SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'CANCELLED')),
    priority smallint NOT NULL,
    owner uuid,
    subject text,
    payload jsonb NOT NULL,
    result jsonb,
    unique_key text,
    requires jsonb NOT NULL DEFAULT '{}',
    trace text,
    -- Not before this time.
    run_at timestamptz NOT NULL,
    attempt smallint NOT NULL DEFAULT 0,
    max_attempts smallint NOT NULL,
    -- Grows with every change of state: orders what is told about a task.
    revision integer NOT NULL DEFAULT 0,
    progress double precision NOT NULL DEFAULT 0,
    current_step text,
    -- Grows with every progress told under the present lease.
    progress_seq integer NOT NULL DEFAULT 0,
    -- What the worker thinks is left, and when it said so.
    eta_ms bigint,
    eta_at timestamptz,
    -- Why the last attempt did not succeed.
    error_code text,
    error_message text,
    error_at timestamptz,
    error_attempt smallint,
    -- The fencing token: only who knows it may change a running task.
    lease_id uuid,
    lease_expires_at timestamptz,
    worker uuid,
    cancel_requested_at timestamptz,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    parent uuid REFERENCES task (id) ON DELETE CASCADE,
    -- Its own work is done; it runs on until its children have finished.
    own_work_done boolean NOT NULL DEFAULT false,
    children_expected integer NOT NULL DEFAULT 0,
    children_total integer NOT NULL DEFAULT 0,
    children_finished integer NOT NULL DEFAULT 0,
    -- Of the finished ones, those that did not wholly succeed.
    children_failed integer NOT NULL DEFAULT 0,
    -- Who shares the queue fairly: tasks of nobody count as one owner.
    lane uuid NOT NULL GENERATED ALWAYS AS (coalesce(owner, '00000000-0000-0000-0000-000000000000')) STORED,
    -- Order within a lane. A priority is worth a minute of waiting, so everything gets its turn.
    rank timestamp NOT NULL GENERATED ALWAYS AS
        ((run_at AT TIME ZONE 'UTC') - make_interval(mins => priority::int)) STORED
);
CREATE INDEX task_ready ON task (queue, lane, rank, id) WHERE status = 'QUEUED';
CREATE INDEX task_due ON task (run_at) WHERE status IN ('SCHEDULED', 'RETRYING');
CREATE UNIQUE INDEX task_lease ON task (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX task_lease_expires_at ON task (lease_expires_at) WHERE lease_id IS NOT NULL;
CREATE UNIQUE INDEX task_unique_key ON task (unique_key)
    WHERE unique_key IS NOT NULL AND status IN ('SCHEDULED', 'QUEUED', 'RUNNING', 'RETRYING');
CREATE INDEX task_owner ON task (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX task_subject ON task (subject, id) WHERE subject IS NOT NULL;
CREATE INDEX task_parent ON task (parent, id) WHERE parent IS NOT NULL;
CREATE INDEX task_dead ON task (queue, id) WHERE status = 'FAILED';
CREATE INDEX task_finished_at ON task (finished_at) WHERE finished_at IS NOT NULL;

-- The parts of a task, in order.
CREATE TABLE task_step (
    task uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    position smallint NOT NULL,
    name text NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (task, name)
);

-- What workers wrote about a task.
CREATE TABLE task_log (
    task uuid NOT NULL REFERENCES task (id) ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    attempt smallint NOT NULL,
    at timestamptz NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (task, id)
);

CREATE TABLE queue (
    name text PRIMARY KEY,
    paused_at timestamptz,
    created_at timestamptz NOT NULL
);

CREATE TABLE worker (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    -- The account whose token it came with; nobody for workers of the system itself.
    owner uuid,
    queues text[] NOT NULL,
    types text[] NOT NULL,
    capabilities jsonb NOT NULL,
    concurrency integer NOT NULL,
    registered_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    drained_at timestamptz
);
CREATE INDEX worker_seen_at ON worker (seen_at);

CREATE TABLE schedule (
    name text PRIMARY KEY,
    cron text NOT NULL,
    timezone text NOT NULL,
    type text NOT NULL,
    queue text NOT NULL,
    priority smallint NOT NULL,
    payload jsonb NOT NULL,
    max_attempts smallint NOT NULL,
    missed_runs text NOT NULL CHECK (missed_runs IN ('SKIP', 'RUN_ONCE', 'RUN_ALL')),
    overlap boolean NOT NULL,
    enabled boolean NOT NULL,
    next_run_at timestamptz,
    last_run_at timestamptz,
    updated_at timestamptz NOT NULL
);
CREATE INDEX schedule_next_run_at ON schedule (next_run_at) WHERE enabled;

-- How long tasks of a type take, learned from those that succeeded.
CREATE TABLE task_type (
    name text PRIMARY KEY,
    queue text NOT NULL,
    samples integer NOT NULL,
    median_ms bigint NOT NULL,
    p95_ms bigint NOT NULL,
    updated_at timestamptz NOT NULL
);
