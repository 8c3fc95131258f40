//! What users change about themselves.

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

/// A change of the caller's profile: what is absent stays, null empties.
#[derive(InputObject)]
pub struct ProfileUpdateInput {
    /// The name to show; at most 64 characters.
    pub display_name: Option<String>,
    /// What the caller tells about themselves; at most 1000 characters.
    pub bio: MaybeUndefined<String>,
    /// The caller's picture.
    pub avatar_id: MaybeUndefined<Id<Asset>>,
}

/// A new password.
#[derive(InputObject)]
pub struct PasswordChangeInput {
    /// The password until now.
    #[graphql(secret)]
    pub current_password: String,
    /// The password from now on.
    #[graphql(secret)]
    pub new_password: String,
}

/// The will to leave.
#[derive(InputObject)]
pub struct AccountDeleteInput {
    /// The caller's password.
    #[graphql(secret)]
    pub password: String,
}

/// Nothing is asked for.
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

/// Tells an absent field (`None`) from an empty one (`Some(None)`).
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
    /// Changes the caller's profile.
    #[graphql(requires_scopes = "account:write")]
    async fn profile_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: ProfileUpdateInput,
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

    /// Changes the caller's password and signs them out everywhere else. Needs a sign-in. Only one
    /// field of a request may use a password.
    #[graphql(directive = authenticated::apply())]
    async fn password_change(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old and the new password.")] input: PasswordChangeInput,
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

    /// Deletes the caller's account after a while, during which they can change their mind. Needs a
    /// sign-in.
    #[graphql(directive = authenticated::apply())]
    async fn account_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The proof that it is meant.")] input: AccountDeleteInput,
    ) -> Result<AccountDeletePayload> {
        let deleted = match require_first_password(ctx) {
            Ok(()) => deletion::request(accounts(ctx), actor(ctx), input.password).await,
            Err(refused) => Err(refused),
        };
        mutation(ctx, deleted.map(User))
    }

    /// Keeps the caller's account after all.
    #[graphql(directive = authenticated::apply())]
    async fn account_delete_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Nothing needs to be told.")] input: AccountDeleteCancelInput,
    ) -> Result<AccountDeleteCancelPayload> {
        drop(input);
        mutation(
            ctx,
            deletion::cancel(accounts(ctx), actor(ctx)).await.map(User),
        )
    }
}
