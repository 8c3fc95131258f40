//! What lighting promises: lamps, and what happens to them.

use atelier_kit::{
    entity, facts,
    id::{Id, User},
};

entity!(
    /// A lamp.
    pub Lamp, "lmp"
);

facts! {
    /// What happens to lamps.
    pub enum LampFact in "lighting" by {
        /// The lamp.
        lamp: Id<Lamp>,
        /// Whose it is.
        owner: Id<User>,
    } {
        /// A lamp was created.
        LampCreated = "lamp.created" {},
        /// A lamp was changed.
        LampUpdated = "lamp.updated" {},
        /// A lamp was deleted.
        LampDeleted = "lamp.deleted" {},
    }
}
