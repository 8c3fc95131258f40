//! The contract of accounts: users and their quotas.

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
    /// The status of an account.
    pub enum UserStatus {
        /// The account can be used.
        Active = "ACTIVE",
        /// An administrator has suspended the account, for some time or until further notice.
        Suspended = "SUSPENDED",
        /// The account's owner has requested its deletion, which can still be cancelled.
        PendingDeletion = "PENDING_DELETION",
        /// The account is deleted.
        Deleted = "DELETED",
    }

    /// The code of a plan.
    pub enum PlanCode {
        /// The free plan, which every new account has.
        Free = "FREE",
        /// The smallest paid plan.
        Basic = "BASIC",
        /// The plan for professionals.
        Pro = "PRO",
        /// The plan without limits.
        Enterprise = "ENTERPRISE",
    }

    /// A resource whose use is limited by a quota.
    pub enum Meter {
        /// Rendered videos.
        Videos = "VIDEOS",
        /// Stored bytes.
        StorageBytes = "STORAGE_BYTES",
        /// Credits for operations that use AI.
        AiCredits = "AI_CREDITS",
        /// The cost of API operations.
        ApiCost = "API_COST",
        /// Existing projects.
        Projects = "PROJECTS",
        /// Members of a team.
        Seats = "SEATS",
    }

    /// Why a session was ended before it expired.
    pub enum RevokedReason {
        /// The user signed out.
        Logout = "LOGOUT",
        /// The user ended the session from another session.
        Kicked = "KICKED",
        /// A refresh token was used twice, so it may have been stolen.
        TokenReused = "TOKEN_REUSED",
        /// The password was changed.
        PasswordChanged = "PASSWORD_CHANGED",
        /// The deletion of the account was requested.
        AccountDeleted = "ACCOUNT_DELETED",
    }
}

facts! {
    /// The facts about accounts.
    pub enum UserFact in "accounts" by {
        /// The user whose account it is.
        user: Id<User>,
    } {
        /// A user has registered.
        UserRegistered = "user.registered" {
            /// The username.
            username: String,
        },
        /// A user's profile has changed.
        UserUpdated = "user.updated" {},
        /// An account was deleted for good. Other domains must delete or anonymise what belongs to
        /// it.
        UserDeleted = "user.deleted" {},
        /// An account's status has changed.
        UserStatusChanged = "user.status_changed" {
            /// The new status.
            status: UserStatus,
            /// The reason that an administrator gave.
            reason: Option<String>,
        },
        /// A user's roles have changed, or the scopes of one of them.
        UserRolesChanged = "user.roles_changed" {},
        /// A user's plan has changed.
        UserPlanChanged = "user.plan_changed" {
            /// The new plan.
            plan: PlanCode,
        },
        /// Sessions of a user were ended before they expired.
        UserSessionsRevoked = "user.sessions_revoked" {
            /// The ended sessions.
            sessions: Vec<Id<Session>>,
            /// Why they were ended.
            reason: RevokedReason,
        },
        /// A user's quota has changed.
        UserQuotaChanged = "user.quota_changed" {
            /// The meter.
            meter: Meter,
            /// The amount that may be used; `None` if it is unlimited.
            limit: Option<i64>,
            /// The amount that has been used.
            used: i64,
            /// The amount that is reserved.
            reserved: i64,
            /// When `used` is reset to zero; `None` if it never is.
            resets_at: Option<DateTime<Utc>>,
        },
    }
}
