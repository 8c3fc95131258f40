//! What runs beside the schema.

pub mod sweep;
