//! Closed sets of the domain, the same in PostgreSQL, in facts and in the schema. Those that other
//! domains know are part of what accounts promises.

use atelier_kit::text_enum;

pub use atelier_contracts::accounts::{
    Meter, PlanCode, ReservationState, RevokedReason, UserStatus,
};

text_enum! {
    /// What kind of user an account belongs to.
    pub enum UserKind {
        /// A person.
        Human = "HUMAN",
        /// A program that acts for somebody.
        Bot = "BOT",
        /// A program of this installation.
        Robot = "ROBOT",
    }

    /// A movement of a quota.
    pub enum EntryKind {
        /// Held for a use.
        Reserve = "RESERVE",
        /// Used.
        Commit = "COMMIT",
        /// Given back without having been used.
        Release = "RELEASE",
        /// Given back after having been used.
        Refund = "REFUND",
        /// Given back because nobody came for it.
        Expire = "EXPIRE",
        /// An administrator changed what is granted on top of the plan.
        Adjust = "ADJUST",
    }

    /// What an access token is meant for.
    pub enum AccessTokenKind {
        /// A user's own programs.
        Personal = "PERSONAL",
        /// A partner's servers.
        ApiKey = "API_KEY",
    }
}
