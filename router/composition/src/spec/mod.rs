//! What the Federation and link specifications say: directives by version,
//! how `@link` names them, and the definitions a supergraph carries.

pub(crate) mod definitions;
pub(crate) mod directives;
pub(crate) mod from_context;
pub(crate) mod link;

pub(crate) use directives::{Fed, Version};
pub(crate) use link::Link;
