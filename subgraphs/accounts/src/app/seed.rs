//! The first accounts of an installation.

use atelier_kit::{Deps, actor::Actor, db::Connection, error::Error, transaction::Tx};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{Accounts, name::Username, password::queue::Line, role};
use crate::{
    config::AccountsConfig,
    db::{self, account::NewAccount},
    kinds::UserKind,
};

/// The demo user's name.
pub const DEMO_USERNAME: &str = "demo";
/// The demo user's password, which is public.
pub const DEMO_PASSWORD: &str = "demo-atelier";

/// A username and its password.
#[derive(Clone)]
pub struct Credentials {
    /// The username.
    pub username: String,
    /// The password, in plain text.
    pub password: String,
}

/// Creates the user `admin` with a generated password, if no active user has the role `admin`. The
/// password is returned only here.
///
/// # Errors
/// If the database cannot be reached.
pub async fn admin(deps: &Deps, config: &AccountsConfig) -> Result<Option<Credentials>, Error> {
    let accounts = Accounts::new(deps.clone(), config.clone());
    {
        let mut connection = deps.read().await?;
        if has_admin(&mut connection).await? {
            return Ok(None);
        }
    }
    let password = URL_SAFE_NO_PAD.encode(deps.random_bytes::<15>());
    let hash = accounts
        .passwords
        .hash(
            password.clone(),
            deps.random_bytes(),
            Line::sign_in(&Actor::anonymous()),
        )
        .await?;
    let made = deps
        .transaction::<_, Error, _>(async |tx| {
            // Several processes may start at once; the lock on the role makes sure that only one of
            // them does it.
            let Some(role) = db::role::lock_by_name(tx, role::ADMIN).await? else {
                return Err(Error::internal("the role \"admin\" is missing"));
            };
            if has_admin(tx).await? {
                return Ok(false);
            }
            let Some(account) = insert(&accounts, tx, role::ADMIN, "Administrator").await? else {
                return Ok(false);
            };
            db::credential::set(tx, account, &hash, accounts.now()).await?;
            db::role::give(tx, account, &[role.id], accounts.now()).await?;
            Ok(true)
        })
        .await?;
    Ok(made.then(|| Credentials {
        username: role::ADMIN.to_owned(),
        password,
    }))
}

/// Creates the demo user with the password [`DEMO_PASSWORD`], unless it exists.
///
/// # Errors
/// If the database cannot be reached.
pub async fn demo(deps: &Deps, config: &AccountsConfig) -> Result<Credentials, Error> {
    let accounts = Accounts::new(deps.clone(), config.clone());
    let hash = accounts
        .passwords
        .hash(
            DEMO_PASSWORD.to_owned(),
            deps.random_bytes(),
            Line::sign_in(&Actor::anonymous()),
        )
        .await?;
    deps.transaction::<_, Error, _>(async |tx| {
        if let Some(account) = insert(&accounts, tx, DEMO_USERNAME, "Demo").await? {
            db::credential::set(tx, account, &hash, accounts.now()).await?;
        }
        Ok(())
    })
    .await?;
    Ok(Credentials {
        username: DEMO_USERNAME.to_owned(),
        password: DEMO_PASSWORD.to_owned(),
    })
}

async fn has_admin(connection: &mut Connection) -> Result<bool, Error> {
    let Some(role) = db::role::all(connection)
        .await?
        .into_iter()
        .find(|role| role.name == role::ADMIN)
    else {
        return Ok(false);
    };
    Ok(!db::role::holder_ids_in_force(connection, role.id)
        .await?
        .is_empty())
}

async fn insert(
    accounts: &Accounts,
    tx: &mut Tx,
    username: &str,
    display_name: &str,
) -> Result<Option<atelier_kit::id::Id<atelier_kit::id::User>>, Error> {
    let now = accounts.now();
    let name = Username::unchecked(username);
    let new = NewAccount {
        id: accounts.deps.new_id(),
        username: &name.shown,
        username_folded: &name.folded,
        username_skeleton: &name.skeleton,
        email: None,
        email_folded: None,
        display_name,
        kind: UserKind::Human,
        plan_started_at: now,
        created_at: now,
        updated_at: now,
    };
    Ok(db::account::insert(tx, &new)
        .await?
        .map(|account| account.id))
}
