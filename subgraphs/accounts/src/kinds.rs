//! The domain's enums, with the same values in PostgreSQL, in facts and in the schema. Those that
//! other domains use are declared in the contracts.

use atelier_kit::text_enum;

pub use atelier_contracts::accounts::{
    Meter, PlanCode, ReservationState, RevokedReason, UserStatus,
};

text_enum! {
    /// The kind of a user.
    pub enum UserKind {
        /// A person.
        Human = "HUMAN",
        /// A program that acts on somebody's behalf.
        Bot = "BOT",
        /// A program that belongs to this installation.
        Robot = "ROBOT",
    }

    /// The kind of a change to a quota, as recorded in the ledger.
    pub enum EntryKind {
        /// An amount was reserved.
        Reserve = "RESERVE",
        /// A reserved amount was used.
        Commit = "COMMIT",
        /// A reserved amount was given back unused.
        Release = "RELEASE",
        /// A used amount was given back.
        Refund = "REFUND",
        /// A reservation expired, and its amount was given back.
        Expire = "EXPIRE",
        /// An administrator changed the amount granted in addition to the plan.
        Adjust = "ADJUST",
    }

    /// The purpose of an access token.
    pub enum AccessTokenKind {
        /// A personal access token, for a user's own programs.
        Personal = "PERSONAL",
        /// An API key, for a partner's servers.
        ApiKey = "API_KEY",
    }
}
