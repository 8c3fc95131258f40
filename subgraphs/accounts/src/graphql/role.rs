//! Roles.

use async_graphql::{Context, InputObject, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::{self, Id},
};

use super::{accounts, user::User};
use crate::{app::role, db::role::RoleRow, error::AccountsUserError};

/// A role: a named set of scopes that can be assigned to users.
#[derive(Debug, Clone)]
pub struct Role(pub RoleRow);

/// A role: a named set of scopes that can be assigned to users.
#[Object(directive = authenticated::apply())]
impl Role {
    /// The role's id.
    async fn id(&self) -> Id<crate::Role> {
        self.0.id
    }

    /// The role's name, which is unique.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// A description of the role.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The scopes that the role gives to the users who have it.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether the role is built in and cannot be changed.
    async fn built_in(&self) -> bool {
        self.0.built_in
    }
}

/// The input of `roleCreate`.
#[derive(InputObject)]
pub struct RoleCreateInput {
    /// The role's name, 1 to 50 characters, which must not be taken.
    pub name: String,
    /// A description of the role, at most 500 characters.
    #[graphql(default)]
    pub description: String,
    /// The scopes of the role, at most 50. The caller must hold each of them.
    pub scopes: Vec<String>,
}

/// The input of `roleUpdate`. A field that is omitted stays unchanged.
#[derive(InputObject)]
pub struct RoleUpdateInput {
    /// The role's id.
    pub id: Id<crate::Role>,
    /// The new description, at most 500 characters.
    pub description: Option<String>,
    /// The new scopes, at most 50. They replace the old ones; the caller must hold both.
    pub scopes: Option<Vec<String>>,
}

/// The input of `roleAssign`. Both lists together name at most 50 roles.
#[derive(InputObject)]
pub struct RoleAssignInput {
    /// The id of the user.
    pub user_id: Id<id::User>,
    /// The ids of the roles to give to the user. Roles that the user already has are ignored.
    #[graphql(default)]
    pub add: Vec<Id<crate::Role>>,
    /// The ids of the roles to take from the user. Roles that the user does not have are ignored.
    #[graphql(default)]
    pub remove: Vec<Id<crate::Role>>,
}

atelier_kit::payload! {
    /// The result of `roleCreate`.
    pub struct RoleCreatePayload, AccountsUserError {
        /// The new role.
        role: Role,
    }
}
atelier_kit::payload! {
    /// The result of `roleUpdate`.
    pub struct RoleUpdatePayload, AccountsUserError {
        /// The role after the change.
        role: Role,
    }
}
atelier_kit::payload! {
    /// The result of `roleAssign`.
    pub struct RoleAssignPayload, AccountsUserError {
        /// The user after the change.
        user: User,
    }
}

#[derive(Default)]
pub struct RoleQuery;

#[Object]
impl RoleQuery {
    /// Returns all roles, sorted by name; there are at most 200. Requires the scope `admin:roles`.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn roles(&self, ctx: &Context<'_>) -> Result<Vec<Role>> {
        Ok(role::all(accounts(ctx), actor(ctx))
            .await?
            .into_iter()
            .map(Role)
            .collect())
    }
}

#[derive(Default)]
pub struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Creates a role. The caller must hold each of its scopes. Requires the scope `admin:roles`.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role to create.")] input: RoleCreateInput,
    ) -> Result<RoleCreatePayload> {
        let created = role::create(
            accounts(ctx),
            actor(ctx),
            &input.name,
            &input.description,
            input.scopes,
        )
        .await;
        mutation(ctx, created.map(Role))
    }

    /// Changes a role, with immediate effect for the users who have it. The caller must hold the
    /// role's old and new scopes and, if these differ, every scope of every user who has the role.
    /// Built-in roles cannot be changed. Requires the scope `admin:roles`.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role and its changes.")] input: RoleUpdateInput,
    ) -> Result<RoleUpdatePayload> {
        let updated = role::update(
            accounts(ctx),
            actor(ctx),
            input.id,
            input.description,
            input.scopes,
        )
        .await;
        mutation(ctx, updated.map(Role))
    }

    /// Gives roles to a user and takes roles away, with immediate effect. The caller must hold the
    /// scopes of these roles and every scope of the user. At least one active user must keep the
    /// role `admin`. Requires the scope `admin:roles`.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user, and the roles to give and to take.")] input: RoleAssignInput,
    ) -> Result<RoleAssignPayload> {
        let assigned = role::assign(
            accounts(ctx),
            actor(ctx),
            input.user_id,
            &input.add,
            &input.remove,
        )
        .await;
        mutation(ctx, assigned.map(User))
    }
}
