//! What accounts promises: who there is, and what they may use.

mod quota;

use atelier_kit::{
    facts,
    id::{Id, Session, User},
    text_enum,
};
use chrono::{DateTime, Utc};

pub use quota::{
    QuotaAnswer, QuotaCommitInput, QuotaRefusal, QuotaReleaseInput, QuotaReserveInput, Reservation,
    ReservationState,
};

text_enum! {
    /// Whether an account may be used.
    pub enum UserStatus {
        /// It can be used.
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
        /// For professionals.
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

    /// Why a session ended before its time.
    pub enum RevokedReason {
        /// Its user signed out.
        Logout = "LOGOUT",
        /// Its user ended it from another device.
        Kicked = "KICKED",
        /// A refresh token was used twice: it may have been stolen.
        TokenReused = "TOKEN_REUSED",
        /// The password was changed.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The account was deleted.
        AccountDeleted = "ACCOUNT_DELETED",
    }
}

facts! {
    /// What happens to accounts.
    pub enum UserFact in "accounts" by {
        /// Whose account it is.
        user: Id<User>,
    } {
        /// Somebody has registered.
        UserRegistered = "user.registered" {
            /// Their username.
            username: String,
        },
        /// A profile has changed.
        UserUpdated = "user.updated" {},
        /// An account is gone for good. Other domains delete, or make anonymous, what belongs to it.
        UserDeleted = "user.deleted" {},
        /// An account's status has changed.
        UserStatusChanged = "user.status_changed" {
            /// The status from now on.
            status: UserStatus,
            /// Why, in the administrator's words.
            reason: Option<String>,
        },
        /// Somebody's roles, or the scopes of their roles, have changed.
        UserRolesChanged = "user.roles_changed" {},
        /// Somebody's plan has changed.
        UserPlanChanged = "user.plan_changed" {
            /// The plan from now on.
            plan: PlanCode,
        },
        /// Sessions have ended before their time.
        UserSessionsRevoked = "user.sessions_revoked" {
            /// Which.
            sessions: Vec<Id<Session>>,
            /// Why.
            reason: RevokedReason,
        },
        /// A quota has changed.
        UserQuotaChanged = "user.quota_changed" {
            /// Which.
            meter: Meter,
            /// The most that may be used; `None` means no limit.
            limit: Option<i64>,
            /// How much is used.
            used: i64,
            /// How much is held for uses to come.
            reserved: i64,
            /// When the use is counted anew.
            resets_at: Option<DateTime<Utc>>,
        },
    }
}
