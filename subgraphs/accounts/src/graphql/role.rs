//! Roles.

use async_graphql::{Context, InputObject, Object, Result};
use atelier_kit::{
    graphql::{actor, directive::authenticated, mutation},
    id::{self, Id},
};

use super::{accounts, user::User};
use crate::{app::role, db::role::RoleRow, error::AccountsUserError};

/// A named set of scopes.
#[derive(Debug, Clone)]
pub struct Role(pub RoleRow);

/// A named set of scopes.
#[Object(directive = authenticated::apply())]
impl Role {
    /// The role's id.
    async fn id(&self) -> Id<crate::Role> {
        self.0.id
    }

    /// The unique name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What the role is for.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// What those who have it may do.
    async fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Whether it belongs to the installation and cannot be changed.
    async fn built_in(&self) -> bool {
        self.0.built_in
    }
}

/// A new role.
#[derive(InputObject)]
pub struct RoleCreateInput {
    /// The unique name; at most 50 characters.
    pub name: String,
    /// What the role is for; at most 500 characters.
    #[graphql(default)]
    pub description: String,
    /// What those who have it may do; at most 50.
    pub scopes: Vec<String>,
}

/// A change of a role: what is absent stays.
#[derive(InputObject)]
pub struct RoleUpdateInput {
    /// The role's id.
    pub id: Id<crate::Role>,
    /// What the role is for.
    pub description: Option<String>,
    /// What those who have it may do.
    pub scopes: Option<Vec<String>>,
}

/// Which roles a user gets and loses; at most 50 together.
#[derive(InputObject)]
pub struct RoleAssignInput {
    /// The user.
    pub user_id: Id<id::User>,
    /// Roles that they get.
    #[graphql(default)]
    pub add: Vec<Id<crate::Role>>,
    /// Roles that they lose.
    #[graphql(default)]
    pub remove: Vec<Id<crate::Role>>,
}

atelier_kit::payload! {
    /// The outcome of making a role.
    pub struct RoleCreatePayload, AccountsUserError {
        /// The role.
        role: Role,
    }
}
atelier_kit::payload! {
    /// The outcome of changing a role.
    pub struct RoleUpdatePayload, AccountsUserError {
        /// The role as it is now.
        role: Role,
    }
}
atelier_kit::payload! {
    /// The outcome of giving and taking roles.
    pub struct RoleAssignPayload, AccountsUserError {
        /// The user.
        user: User,
    }
}

#[derive(Default)]
pub struct RoleQuery;

#[Object]
impl RoleQuery {
    /// Every role, by name; there are at most 200.
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
    /// Makes a role, with scopes that the caller has.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The role.")] input: RoleCreateInput,
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

    /// Changes a role; what changes for those who have it, changes at once. The caller must have the
    /// role's scopes, and all scopes of those who have the role.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What changes.")] input: RoleUpdateInput,
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

    /// Gives roles to a user and takes roles away, at once. The caller must have the roles' scopes, and
    /// all scopes of the user.
    #[graphql(requires_scopes = "admin:roles", tag = "admin")]
    async fn role_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who gets and loses what.")] input: RoleAssignInput,
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
