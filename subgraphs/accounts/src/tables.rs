//! The tables of the PostgreSQL schema `accounts`.
//!
//! Written by `make generate` from the migrations; do not edit.

diesel::table! {
    accounts.access_token (id) {
        id -> Uuid,
        account_id -> Uuid,
        kind -> Text,
        name -> Text,
        prefix -> Text,
        hash -> Bytea,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    accounts.access_token_network (access_token_id, network) {
        access_token_id -> Uuid,
        network -> Text,
        first_seen_at -> Timestamptz,
    }
}

diesel::table! {
    accounts.account (id) {
        id -> Uuid,
        username -> Text,
        username_folded -> Text,
        username_skeleton -> Text,
        email -> Nullable<Text>,
        email_folded -> Nullable<Text>,
        email_verified -> Bool,
        display_name -> Text,
        bio -> Nullable<Text>,
        avatar_id -> Nullable<Uuid>,
        kind -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        suspended_until -> Nullable<Timestamptz>,
        delete_at -> Nullable<Timestamptz>,
        plan -> Text,
        plan_started_at -> Timestamptz,
        plan_expires_at -> Nullable<Timestamptz>,
        plan_cancelled -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        last_login_at -> Nullable<Timestamptz>,
        login_count -> Int8,
    }
}

diesel::table! {
    accounts.account_role (account_id, role_id) {
        account_id -> Uuid,
        role_id -> Uuid,
        granted_at -> Timestamptz,
    }
}

diesel::table! {
    accounts.audit_event (id) {
        id -> Uuid,
        at -> Timestamptz,
        actor_id -> Nullable<Uuid>,
        service -> Nullable<Text>,
        action -> Text,
        target_id -> Nullable<Uuid>,
        details -> Jsonb,
        ip -> Nullable<Text>,
        request_id -> Text,
    }
}

diesel::table! {
    accounts.avatar_change (account_id, asset_id) {
        account_id -> Uuid,
        asset_id -> Uuid,
        token -> Uuid,
        due_at -> Timestamptz,
        claimed_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    accounts.credential (account_id) {
        account_id -> Uuid,
        password_hash -> Text,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    accounts.plan (code) {
        code -> Text,
        name -> Text,
        rank -> Int2,
    }
}

diesel::table! {
    accounts.plan_quota (plan, meter) {
        plan -> Text,
        meter -> Text,
        amount -> Nullable<Int8>,
        monthly -> Bool,
    }
}

diesel::table! {
    accounts.quota (account_id, meter) {
        account_id -> Uuid,
        meter -> Text,
        used -> Int8,
        reserved -> Int8,
        bonus -> Int8,
        resets_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    accounts.quota_entry (id) {
        id -> Uuid,
        account_id -> Uuid,
        meter -> Text,
        kind -> Text,
        amount -> Int8,
        service -> Nullable<Text>,
        key -> Nullable<Text>,
        at -> Timestamptz,
    }
}

diesel::table! {
    accounts.quota_reservation (service, key) {
        service -> Text,
        key -> Text,
        account_id -> Uuid,
        meter -> Text,
        amount -> Int8,
        state -> Text,
        committed -> Nullable<Int8>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        settled_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    accounts.refresh_token (hash) {
        hash -> Bytea,
        session_id -> Uuid,
        issued_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        used_by -> Nullable<Bytea>,
        successor_salt -> Nullable<Bytea>,
    }
}

diesel::table! {
    accounts.role (id) {
        id -> Uuid,
        name -> Text,
        description -> Text,
        scopes -> Array<Text>,
        built_in -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    accounts.session (id) {
        id -> Uuid,
        account_id -> Uuid,
        user_agent -> Nullable<Text>,
        ip -> Nullable<Text>,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        revoked_reason -> Nullable<Text>,
    }
}

diesel::table! {
    accounts.signing_key (kid) {
        kid -> Text,
        public_key -> Bytea,
        sealed_private_key -> Bytea,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(access_token -> account (account_id));
diesel::joinable!(access_token_network -> access_token (access_token_id));
diesel::joinable!(account -> plan (plan));
diesel::joinable!(account_role -> account (account_id));
diesel::joinable!(account_role -> role (role_id));
diesel::joinable!(avatar_change -> account (account_id));
diesel::joinable!(credential -> account (account_id));
diesel::joinable!(plan_quota -> plan (plan));
diesel::joinable!(quota -> account (account_id));
diesel::joinable!(quota_entry -> account (account_id));
diesel::joinable!(quota_reservation -> account (account_id));
diesel::joinable!(refresh_token -> session (session_id));
diesel::joinable!(session -> account (account_id));

diesel::allow_tables_to_appear_in_same_query! {
    access_token,
    access_token_network,
    account,
    account_role,
    audit_event,
    avatar_change,
    credential,
    plan,
    plan_quota,
    quota,
    quota_entry,
    quota_reservation,
    refresh_token,
    role,
    session,
    signing_key,
}
