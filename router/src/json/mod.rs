//! JSON as bytes: scanning without building a tree, writing without formatting.

pub(crate) mod scan;
pub(crate) mod write;
