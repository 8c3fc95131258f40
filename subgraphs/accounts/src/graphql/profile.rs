//! Changes that users make to their own accounts.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, Result};
use atelier_contracts::media::Asset;
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::Id,
};

use super::{accounts, require_first_password, user::User};
use crate::{
    app::{
        deletion,
        profile::{self, ProfileChange},
    },
    error::AccountsUserError,
};

/// The input of `profileUpdate`. A field that is omitted stays unchanged.
#[derive(InputObject)]
pub struct ProfileUpdateInput {
    /// The name shown to others, 1 to 64 characters.
    pub display_name: Option<String>,
    /// A description of the caller, at most 1000 characters; null or an empty text removes it.
    pub bio: MaybeUndefined<String>,
    /// The id of a picture of the caller's to show as theirs; null removes it. Everybody can see the
    /// picture for as long as it is shown. A file that is not the caller's is refused with `NOT_FOUND`,
    /// one that is not a picture with `AVATAR_NOT_PICTURE`.
    pub avatar_id: MaybeUndefined<Id<Asset>>,
}

/// The input of `passwordChange`.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// The caller's current password.
    #[graphql(secret)]
    pub current_password: String,
    /// The new password: at least 8 characters and at most 256 bytes. Common passwords, and the
    /// username or email address, are refused.
    #[graphql(secret)]
    pub new_password: String,
}

/// The input of `accountDelete`.
#[derive(InputObject)]
pub struct AccountDeleteInput {
    /// The caller's password, as confirmation.
    #[graphql(secret)]
    pub password: String,
}

/// The input of `accountDeleteCancel`.
#[derive(InputObject)]
pub struct AccountDeleteCancelInput {
    /// Accepted and ignored.
    pub client_mutation_id: Option<String>,
}

atelier_kit::payload! {
    /// The result of `profileUpdate`.
    pub struct ProfileUpdatePayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }

    /// The result of `passwordChange`.
    pub struct PasswordChangePayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }

    /// The result of `accountDelete`.
    pub struct AccountDeletePayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }

    /// The result of `accountDeleteCancel`.
    pub struct AccountDeleteCancelPayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }
}

/// Distinguishes an omitted field (`None`) from a null (`Some(None)`).
fn given<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

#[derive(Default)]
pub struct ProfileMutation;

#[Object]
impl ProfileMutation {
    /// Changes the caller's profile. Requires the scope `account:write`.
    #[graphql(requires_scopes = "account:write")]
    async fn profile_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes.")] input: ProfileUpdateInput,
    ) -> Result<ProfileUpdatePayload> {
        let change = ProfileChange {
            display_name: input.display_name,
            bio: given(input.bio),
            avatar_id: given(input.avatar_id),
        };
        mutation(
            ctx,
            profile::update(accounts(ctx), actor(ctx), change)
                .await
                .map(User),
        )
    }

    /// Changes the caller's password and ends all their other sessions. Personal access tokens and
    /// API keys stay valid. Requires a session. Only one field of a request may use a password.
    #[graphql(directive = authenticated::apply())]
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current and the new password.")] input: PasswordChangeInput,
    ) -> Result<PasswordChangePayload> {
        let PasswordChangeInput {
            current_password: current,
            new_password: new,
        } = input;
        let changed = match require_first_password(ctx) {
            Ok(()) => profile::change_password(accounts(ctx), actor(ctx), current, new).await,
            Err(refused) => Err(refused),
        };
        mutation(ctx, changed.map(User))
    }

    /// Schedules the caller's account for deletion. It is deleted after 30 days, unless the server
    /// is configured otherwise; until then `accountDeleteCancel` restores it. The caller's other
    /// sessions end, and their personal access tokens and API keys stop working. Repeating the call
    /// does not change the date. The last administrator cannot be deleted. Requires a session. Only
    /// one field of a request may use a password.
    #[graphql(directive = authenticated::apply())]
    async fn account_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password, as confirmation.")] input: AccountDeleteInput,
    ) -> Result<AccountDeletePayload> {
        let deleted = match require_first_password(ctx) {
            Ok(()) => deletion::request(accounts(ctx), actor(ctx), input.password).await,
            Err(refused) => Err(refused),
        };
        mutation(ctx, deleted.map(User))
    }

    /// Cancels the deletion of the caller's account. If none was requested, it is refused with
    /// `NOT_PENDING_DELETION`. Requires a session.
    #[graphql(directive = authenticated::apply())]
    async fn account_delete_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Needs no values: `{}`.")] input: AccountDeleteCancelInput,
    ) -> Result<AccountDeleteCancelPayload> {
        drop(input);
        mutation(
            ctx,
            deletion::cancel(accounts(ctx), actor(ctx)).await.map(User),
        )
    }
}
