//! The tables of the PostgreSQL schema `media`.
//!
//! Written by `make generate` from the migrations; do not edit.

diesel::table! {
    media.asset (id) {
        id -> Uuid,
        owner_id -> Uuid,
        blob_id -> Uuid,
        filename -> Text,
        content_type -> Text,
        purpose -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        trashed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    media.asset_audience (asset_id, audience, domain, subject) {
        asset_id -> Uuid,
        audience -> Text,
        domain -> Text,
        subject -> Text,
        attached_at -> Timestamptz,
    }
}

diesel::table! {
    media.blob (id) {
        id -> Uuid,
        sha256 -> Nullable<Bytea>,
        declared_sha256 -> Nullable<Bytea>,
        byte_size -> Int8,
        content_type -> Text,
        kind -> Text,
        storage_key -> Text,
        reference_count -> Int4,
        state -> Text,
        failure -> Nullable<Text>,
        metadata -> Nullable<Jsonb>,
        blurhash -> Nullable<Text>,
        dominant_color -> Nullable<Text>,
        created_at -> Timestamptz,
        processed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    media.deleted_group (group_id) {
        group_id -> Text,
        deleted_at -> Timestamptz,
    }
}

diesel::table! {
    media.deleted_user (user_id) {
        user_id -> Uuid,
        noted_at -> Timestamptz,
        due_at -> Timestamptz,
    }
}

diesel::table! {
    media.derivative (blob_id, name, format) {
        blob_id -> Uuid,
        name -> Text,
        format -> Text,
        width -> Int4,
        height -> Int4,
        byte_size -> Int8,
        storage_key -> Text,
    }
}

diesel::table! {
    media.group_member (group_id, user_id) {
        group_id -> Text,
        user_id -> Uuid,
        is_member -> Bool,
        revision -> Int8,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    media.object_removal (id) {
        id -> Int8,
        storage_key -> Text,
        multipart_id -> Nullable<Text>,
        due_at -> Timestamptz,
        upload_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    media.upload (id) {
        id -> Uuid,
        owner_id -> Uuid,
        filename -> Text,
        content_type -> Text,
        byte_size -> Int8,
        declared_sha256 -> Nullable<Bytea>,
        purpose -> Nullable<Text>,
        strategy -> Text,
        status -> Text,
        storage_key -> Nullable<Text>,
        multipart_id -> Nullable<Text>,
        part_size -> Int8,
        part_count -> Int4,
        checksum_parts -> Bool,
        challenge -> Nullable<Jsonb>,
        proof_attempts -> Int2,
        quota_state -> Text,
        idempotency_key -> Nullable<Text>,
        request_hash -> Nullable<Bytea>,
        claimed_until -> Nullable<Timestamptz>,
        claim_key -> Nullable<Text>,
        asset_id -> Nullable<Uuid>,
        task_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    media.upload_part (upload_id, number) {
        upload_id -> Uuid,
        number -> Int4,
        byte_size -> Int8,
        sha256 -> Nullable<Bytea>,
        signed_at -> Nullable<Timestamptz>,
        etag -> Nullable<Text>,
        received_at -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(asset -> blob (blob_id));
diesel::joinable!(asset_audience -> asset (asset_id));
diesel::joinable!(derivative -> blob (blob_id));
diesel::joinable!(upload -> asset (asset_id));
diesel::joinable!(upload_part -> upload (upload_id));

diesel::allow_tables_to_appear_in_same_query! {
    asset,
    asset_audience,
    blob,
    deleted_group,
    deleted_user,
    derivative,
    group_member,
    object_removal,
    upload,
    upload_part,
}
