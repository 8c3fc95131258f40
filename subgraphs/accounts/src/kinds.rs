//! Closed sets of the domain, the same in PostgreSQL, in events and in the schema.

use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    serialize::{self, Output, ToSql},
    sql_types::Text,
};
use serde::{Deserialize, Serialize};

/// Declares an enum that is stored as text and shown under the same names.
macro_rules! kinds {
    ($($(#[$meta:meta])* pub enum $enum:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            FromSqlRow, AsExpression, async_graphql::Enum)]
        #[diesel(sql_type = Text)]
        pub enum $enum { $($(#[$doc])* #[serde(rename = $text)] #[graphql(name = $text)] $variant,)+ }

        impl $enum {
            /// The name in PostgreSQL and on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl ToSql<Text, Pg> for $enum {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <str as ToSql<Text, Pg>>::to_sql(self.as_str(), out)
            }
        }

        impl FromSql<Text, Pg> for $enum {
            fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
                match <String as FromSql<Text, Pg>>::from_sql(bytes)?.as_str() {
                    $($text => Ok(Self::$variant),)+
                    other => Err(format!(concat!("not a ", stringify!($enum), ": {}"), other).into()),
                }
            }
        }
    )+};
}

kinds! {
    /// What kind of user it is.
    pub enum UserKind {
        /// A person.
        Human = "HUMAN",
        /// A program that acts for somebody.
        Bot = "BOT",
        /// A program of this installation.
        Robot = "ROBOT",
    }

    /// Whether an account may be used.
    pub enum UserStatus {
        /// It may.
        Active = "ACTIVE",
        /// An administrator has disabled it, perhaps for a while.
        Suspended = "SUSPENDED",
        /// Its owner has deleted it and can still change their mind.
        PendingDeletion = "PENDING_DELETION",
        /// It is gone.
        Deleted = "DELETED",
    }

    /// A plan.
    pub enum PlanCode {
        /// The plan that everybody has to begin with.
        Free = "FREE",
        /// The smallest paid plan.
        Basic = "BASIC",
        /// For people who live by it.
        Pro = "PRO",
        /// Without limits.
        Enterprise = "ENTERPRISE",
    }

    /// Something that is counted against a limit.
    pub enum Meter {
        /// Videos rendered.
        Videos = "VIDEOS",
        /// Bytes stored.
        StorageBytes = "STORAGE_BYTES",
        /// Credits for AI steps.
        AiCredits = "AI_CREDITS",
        /// Cost of API operations.
        ApiCost = "API_COST",
        /// Projects that exist.
        Projects = "PROJECTS",
        /// Members of a team.
        Seats = "SEATS",
    }

    /// What has become of a reservation.
    pub enum ReservationState {
        /// The amount is held.
        Reserved = "RESERVED",
        /// The amount is used.
        Committed = "COMMITTED",
        /// The amount was given back.
        Released = "RELEASED",
        /// Nobody came for it in time; the amount was given back.
        Expired = "EXPIRED",
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

    /// A token that a user made for a program.
    pub enum AccessTokenKind {
        /// For a user's own programs.
        Personal = "PERSONAL",
        /// For a partner's servers.
        ApiKey = "API_KEY",
    }

    /// Why a session ended before its time.
    pub enum RevokedReason {
        /// Its user signed out.
        Logout = "LOGOUT",
        /// Its user ended it from another device.
        Kicked = "KICKED",
        /// A refresh token came twice: it may have been stolen.
        TokenReused = "TOKEN_REUSED",
        /// The password was changed.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The account was deleted.
        AccountDeleted = "ACCOUNT_DELETED",
    }
}
