//! Who may see and change what: one rule for queries, mutations, entity references and
//! subscriptions.

use atelier_kit::{
    actor::Actor,
    id::{Id, User},
};

/// The scope of those who look after everybody's files.
pub const ADMIN: &str = "admin:media";

/// Whether the caller may see, and change, files and uploads of `owner`.
pub fn may_see(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner) || sees_all(actor)
}

/// Whether the caller may see the files of everybody.
pub fn sees_all(actor: &Actor) -> bool {
    actor.has_scope(ADMIN)
}

/// Whether the caller may know where a picture was taken: nobody but its owner.
pub fn may_see_position(actor: &Actor, owner: Id<User>) -> bool {
    actor.user_id() == Some(owner)
}
