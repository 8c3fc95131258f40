//! The domain's statements: the only place with diesel.

pub mod lamp;
