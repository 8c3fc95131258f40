-- Plans are data: what a plan grants is read at every use, so a change counts at once.
CREATE TABLE plan (
    code text PRIMARY KEY,
    name text NOT NULL,
    -- Orders plans from small to large.
    rank smallint NOT NULL UNIQUE
);

CREATE TABLE plan_quota (
    plan text NOT NULL REFERENCES plan (code) ON UPDATE CASCADE ON DELETE CASCADE,
    meter text NOT NULL CHECK (meter IN ('VIDEOS', 'STORAGE_BYTES', 'AI_CREDITS', 'API_COST', 'PROJECTS', 'SEATS')),
    -- NULL: as much as one likes.
    amount bigint CHECK (amount >= 0),
    -- Starts anew each month; otherwise it stands until something is given back.
    monthly boolean NOT NULL,
    PRIMARY KEY (plan, meter)
);

INSERT INTO plan (code, name, rank) VALUES
    ('FREE', 'Free', 0), ('BASIC', 'Basic', 1), ('PRO', 'Pro', 2), ('ENTERPRISE', 'Enterprise', 3);

INSERT INTO plan_quota (plan, meter, amount, monthly) VALUES
    ('FREE', 'VIDEOS', 5, true), ('BASIC', 'VIDEOS', 30, true), ('PRO', 'VIDEOS', 200, true), ('ENTERPRISE', 'VIDEOS', NULL, true),
    ('FREE', 'STORAGE_BYTES', 5368709120, false), ('BASIC', 'STORAGE_BYTES', 53687091200, false),
    ('PRO', 'STORAGE_BYTES', 536870912000, false), ('ENTERPRISE', 'STORAGE_BYTES', NULL, false),
    ('FREE', 'AI_CREDITS', 500, true), ('BASIC', 'AI_CREDITS', 5000, true), ('PRO', 'AI_CREDITS', 50000, true), ('ENTERPRISE', 'AI_CREDITS', NULL, true),
    ('FREE', 'API_COST', 1000000, true), ('BASIC', 'API_COST', 10000000, true), ('PRO', 'API_COST', 100000000, true), ('ENTERPRISE', 'API_COST', NULL, true),
    ('FREE', 'PROJECTS', 10, false), ('BASIC', 'PROJECTS', 50, false), ('PRO', 'PROJECTS', 500, false), ('ENTERPRISE', 'PROJECTS', NULL, false),
    ('FREE', 'SEATS', 1, false), ('BASIC', 'SEATS', 5, false), ('PRO', 'SEATS', 25, false), ('ENTERPRISE', 'SEATS', NULL, false);

CREATE TABLE account (
    id uuid PRIMARY KEY,
    username text NOT NULL,
    -- The name in lower case, by which it is looked up.
    username_folded text NOT NULL UNIQUE,
    -- The name with look-alike letters made the same (Unicode TS 39): no two accounts look alike.
    username_skeleton text NOT NULL UNIQUE,
    email text,
    email_folded text UNIQUE,
    email_verified boolean NOT NULL DEFAULT false,
    display_name text NOT NULL,
    bio text,
    avatar_id uuid,
    kind text NOT NULL CHECK (kind IN ('HUMAN', 'BOT', 'ROBOT')),
    status text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'SUSPENDED', 'PENDING_DELETION', 'DELETED')),
    status_reason text,
    suspended_until timestamptz,
    -- When an account that waits for its deletion is deleted.
    delete_at timestamptz,
    plan text NOT NULL DEFAULT 'FREE' REFERENCES plan (code) ON UPDATE CASCADE,
    plan_started_at timestamptz NOT NULL,
    plan_expires_at timestamptz,
    plan_cancelled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    last_login_at timestamptz,
    login_count bigint NOT NULL DEFAULT 0
);
CREATE INDEX account_plan ON account (plan);
CREATE INDEX account_created_at ON account (created_at, id);
CREATE INDEX account_delete_at ON account (delete_at) WHERE status = 'PENDING_DELETION';

CREATE TABLE credential (
    account_id uuid PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    -- PHC string of argon2id, or a bcrypt hash from an import until its owner signs in.
    password_hash text NOT NULL,
    changed_at timestamptz NOT NULL
);

-- A sign-in, and the family of its refresh tokens.
CREATE TABLE session (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    user_agent text,
    ip text,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text CHECK (revoked_reason IN ('LOGOUT', 'KICKED', 'TOKEN_REUSED', 'PASSWORD_CHANGED', 'ACCOUNT_DELETED'))
);
CREATE INDEX session_account_id ON session (account_id, created_at, id);
CREATE INDEX session_expires_at ON session (expires_at);

CREATE TABLE refresh_token (
    -- SHA-256 of the token.
    hash bytea PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Set when it was exchanged; whoever comes with it again is a thief, or was robbed.
    used_at timestamptz
);
CREATE INDEX refresh_token_session_id ON refresh_token (session_id);

CREATE TABLE signing_key (
    kid text PRIMARY KEY,
    public_key bytea NOT NULL,
    -- The private key, sealed with XChaCha20-Poly1305.
    sealed_private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    -- Since then it signs nothing more; what it has signed stays valid until it runs out.
    retired_at timestamptz
);
CREATE UNIQUE INDEX signing_key_one_active ON signing_key ((true)) WHERE retired_at IS NULL;

CREATE TABLE role (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text NOT NULL DEFAULT '',
    scopes text[] NOT NULL,
    -- Made by a migration, unchangeable.
    built_in boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

INSERT INTO role (id, name, description, scopes, built_in, created_at, updated_at) VALUES
    ('0199a000-0000-7000-8000-000000000001', 'admin', 'Runs this installation.',
     ARRAY['admin:audit', 'admin:media', 'admin:quotas', 'admin:roles', 'admin:tasks', 'admin:users', 'worker'], true, now(), now()),
    ('0199a000-0000-7000-8000-000000000002', 'worker', 'Does background tasks through the worker API.',
     ARRAY['worker'], true, now(), now());

CREATE TABLE account_role (
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    role_id uuid NOT NULL REFERENCES role (id) ON DELETE CASCADE,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, role_id)
);
CREATE INDEX account_role_role_id ON account_role (role_id);

CREATE TABLE access_token (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('PERSONAL', 'API_KEY')),
    name text NOT NULL,
    -- The first characters, by which its owner recognises it.
    prefix text NOT NULL,
    -- SHA-256 of the token.
    hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX access_token_account_id ON access_token (account_id, created_at, id);

CREATE TABLE quota (
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    meter text NOT NULL CHECK (meter IN ('VIDEOS', 'STORAGE_BYTES', 'AI_CREDITS', 'API_COST', 'PROJECTS', 'SEATS')),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    -- Granted on top of the plan; negative takes away.
    bonus bigint NOT NULL DEFAULT 0,
    -- From then on `used` counts as zero, for meters that start anew each month.
    resets_at timestamptz,
    PRIMARY KEY (account_id, meter)
);

CREATE TABLE quota_reservation (
    -- The domain that reserves, and the key of its choice.
    service text NOT NULL,
    key text NOT NULL,
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    meter text NOT NULL,
    amount bigint NOT NULL CHECK (amount > 0),
    state text NOT NULL CHECK (state IN ('RESERVED', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    -- What was used in the end.
    committed bigint CHECK (committed BETWEEN 0 AND amount),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    settled_at timestamptz,
    PRIMARY KEY (service, key)
);
CREATE INDEX quota_reservation_account_id ON quota_reservation (account_id);
CREATE INDEX quota_reservation_expires_at ON quota_reservation (expires_at) WHERE state = 'RESERVED';

-- Every movement of a quota, never changed.
CREATE TABLE quota_entry (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    meter text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('RESERVE', 'COMMIT', 'RELEASE', 'REFUND', 'EXPIRE', 'ADJUST')),
    amount bigint NOT NULL,
    service text,
    key text,
    at timestamptz NOT NULL
);
CREATE INDEX quota_entry_account_id ON quota_entry (account_id, meter, at);

-- Who changed what about permissions; kept when accounts go, so nothing references them.
CREATE TABLE audit_event (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_id uuid,
    service text,
    action text NOT NULL,
    target_id uuid,
    details jsonb NOT NULL,
    ip text,
    request_id text NOT NULL
);
CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_actor_id ON audit_event (actor_id, at, id);
CREATE INDEX audit_event_target_id ON audit_event (target_id, at, id);
