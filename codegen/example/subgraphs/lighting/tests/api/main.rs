//! The domain as its callers see it.

mod lamp;
