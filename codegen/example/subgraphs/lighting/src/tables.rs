//! The tables of the PostgreSQL schema `lighting`.
//!
//! Written by `make generate` from the migrations; do not edit.

diesel::table! {
    lighting.lamp (id) {
        id -> Uuid,
        owner_id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}
