//! Roles: named sets of scopes that are assigned to users. Changes take effect at the next request.

use atelier_contracts::accounts::UserRolesChanged;
use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{Id, User},
    transaction::Tx,
};
use serde_json::json;

use super::{
    Accounts,
    authority::{require_held, require_over, with_own},
    text,
};
use crate::{
    Role,
    db::{
        self,
        account::AccountRow,
        role::{self, RoleChange, RoleRow},
    },
    error::{AccountsErrorCode as Code, Outcome},
    kinds::UserStatus,
};

/// The scope that administering roles requires.
pub const SCOPE: &str = "admin:roles";
/// The role that holds every scope.
pub const ADMIN: &str = "admin";
/// The most scopes in a list, and the most roles in a request.
pub const MANY: usize = 50;
const NAME: usize = 50;
const DESCRIPTION: usize = 500;

/// Whether a text has the form of a scope, such as `worker` or `admin:users`.
pub fn is_scope(text: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_lowercase())
            && part.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
            })
    };
    text.len() <= 64 && text.split(':').count() <= 3 && text.split(':').all(part)
}

/// Checks a list of scopes, sorts it and removes duplicates.
pub fn scopes(mut wanted: Vec<String>) -> Outcome<Vec<String>> {
    if wanted.len() > MANY {
        return Err(Refusal::new(Code::LimitReached, "input.scopes")
            .with("max", MANY)
            .into());
    }
    if let Some((at, wrong)) = wanted
        .iter()
        .enumerate()
        .find(|(_, scope)| !is_scope(scope))
    {
        let shown: String = wrong.chars().take(64).collect();
        return Err(
            Refusal::new(Code::ScopeInvalid, &format!("input.scopes.{at}"))
                .with("scope", shown)
                .into(),
        );
    }
    wanted.sort();
    wanted.dedup();
    Ok(wanted)
}

/// Returns all roles.
pub async fn all(accounts: &Accounts, actor: &Actor) -> Result<Vec<RoleRow>, Error> {
    actor.require_scope(SCOPE)?;
    role::all(&mut *accounts.deps.read().await?).await
}

/// Returns the caller's roles.
pub async fn own(accounts: &Accounts, actor: &Actor) -> Result<Vec<RoleRow>, Error> {
    let user = actor.require_user()?;
    role::of_account(&mut *accounts.deps.read().await?, user).await
}

/// Creates a role.
pub async fn create(
    accounts: &Accounts,
    actor: &Actor,
    name: &str,
    description: &str,
    wanted: Vec<String>,
) -> Outcome<RoleRow> {
    actor.require_scope(SCOPE)?;
    let name = text::line(name);
    if name.is_empty() {
        return Err(Fail::refused(Code::Required, "input.name"));
    }
    if name.chars().count() > NAME {
        return Err(Refusal::new(Code::TooLong, "input.name")
            .with("max", NAME)
            .into());
    }
    let description = describe(description)?;
    let scopes = scopes(wanted)?;
    let now = accounts.now();
    let new = RoleRow {
        id: accounts.deps.new_id(),
        name,
        description,
        scopes,
        built_in: false,
        created_at: now,
        updated_at: now,
    };
    accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            require_held(tx, actor, &new.scopes, "input.scopes").await?;
            if role::count(tx).await? >= role::MOST {
                return Err(Refusal::new(Code::LimitReached, "input")
                    .with("max", role::MOST)
                    .into());
            }
            if !role::insert(tx, &new).await? {
                return Err(Fail::refused(Code::RoleNameTaken, "input.name"));
            }
            let details = json!({ "name": new.name, "scopes": new.scopes });
            accounts
                .record(tx, actor, "role.create", Some(new.id.uuid()), details)
                .await?;
            Ok(new.clone())
        })
        .await
}

fn describe(description: &str) -> Outcome<String> {
    let description = text::clean(description);
    if description.chars().count() > DESCRIPTION {
        return Err(Refusal::new(Code::TooLong, "input.description")
            .with("max", DESCRIPTION)
            .into());
    }
    Ok(description)
}

/// Changes a role's description or scopes.
pub async fn update(
    accounts: &Accounts,
    actor: &Actor,
    id: Id<Role>,
    description: Option<String>,
    wanted: Option<Vec<String>>,
) -> Outcome<RoleRow> {
    actor.require_scope(SCOPE)?;
    let change = RoleChange {
        description: description.as_deref().map(describe).transpose()?,
        scopes: wanted.map(scopes).transpose()?,
        updated_at: Some(accounts.now()),
    };
    let (changed, holders) = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            let before = role::lock(tx, id)
                .await?
                .ok_or_else(|| Fail::refused(Code::NotFound, "input.id"))?;
            if before.built_in {
                return Err(Fail::refused(Code::RoleBuiltIn, "input.id"));
            }
            // The caller must hold the scopes that are given and those that are taken away.
            require_held(
                tx,
                actor,
                change.scopes.iter().flatten().chain(&before.scopes),
                "input.scopes",
            )
            .await?;
            let changed = role::update(tx, id, &change).await?;
            let mut holders = Vec::new();
            if changed.scopes != before.scopes {
                holders = role::holder_ids(tx, id).await?;
                require_over(tx, actor, &holders, "input.id").await?;
                for user in &holders {
                    tx.emit(&UserRolesChanged { user: *user });
                }
            }
            let details = json!({ "before": before.scopes, "after": changed.scopes });
            accounts
                .record(tx, actor, "role.update", Some(id.uuid()), details)
                .await?;
            Ok((changed, holders))
        })
        .await?;
    accounts.identity_changed(&holders).await;
    Ok(changed)
}

/// Gives roles to a user and takes roles away.
pub async fn assign(
    accounts: &Accounts,
    actor: &Actor,
    user: Id<User>,
    give: &[Id<Role>],
    take: &[Id<Role>],
) -> Outcome<AccountRow> {
    actor.require_scope(SCOPE)?;
    if give.len() + take.len() > MANY {
        return Err(Refusal::new(Code::LimitReached, "input")
            .with("max", MANY)
            .into());
    }
    let now = accounts.now();
    let account = accounts
        .deps
        .transaction::<_, Fail<Code>, _>(async |tx| {
            for (path, ids) in [("input.add", give), ("input.remove", take)] {
                let roles = role::by_ids(tx, ids).await?;
                if let Some(at) = ids
                    .iter()
                    .position(|id| roles.iter().all(|role| role.id != *id))
                {
                    return Err(Fail::refused(Code::NotFound, &format!("{path}.{at}")));
                }
                let scopes = roles.iter().flat_map(|role| &role.scopes);
                require_held(tx, actor, scopes, path).await?;
                if path == "input.remove" && roles.iter().any(|role| role.name == ADMIN) {
                    require_other_admin(tx, user).await?;
                }
            }
            let account = db::account::lock(tx, user)
                .await?
                .filter(|account| account.status != UserStatus::Deleted)
                .ok_or_else(|| Fail::refused(Code::NotFound, "input.userId"))?;
            require_over(tx, actor, &[user], "input.userId").await?;
            let before = role::of_account(tx, user).await?;
            role::give(tx, user, give, now).await?;
            role::take(tx, user, take).await?;
            let after = role::of_account(tx, user).await?;
            let names = |roles: &[RoleRow]| {
                roles
                    .iter()
                    .map(|role| role.name.clone())
                    .collect::<Vec<_>>()
            };
            let details = json!({ "before": names(&before), "after": names(&after) });
            tx.emit(&UserRolesChanged { user });
            accounts
                .record(tx, actor, "role.assign", Some(user.uuid()), details)
                .await?;
            Ok(account)
        })
        .await?;
    accounts.identity_changed(&[user]).await;
    Ok(account)
}

/// Refuses a change that would leave no active administrator.
pub async fn require_other_admin(tx: &mut Tx, losing: Id<User>) -> Outcome<()> {
    // The lock on the role serialises such changes.
    let Some(admin) = role::lock_by_name(tx, ADMIN).await? else {
        return Ok(());
    };
    let holders = role::holder_ids_in_force(tx, admin.id).await?;
    if holders == [losing] {
        return Err(Fail::refused(Code::LastAdmin, "input"));
    }
    Ok(())
}

/// Returns the names of a user's roles and all scopes of the user.
pub async fn of(accounts: &Accounts, user: Id<User>) -> Result<(Vec<String>, Vec<String>), Error> {
    let mut connection = accounts.deps.read().await?;
    let roles = role::of_account(&mut connection, user).await?;
    let scopes = db::identity::scopes(&mut connection, user).await?;
    let names = roles.into_iter().map(|role| role.name).collect();
    Ok((names, with_own(scopes)))
}
