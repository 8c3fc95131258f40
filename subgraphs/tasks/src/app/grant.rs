//! What the credentials of external workers are bound to: queues, types of tasks, maybe the tasks of
//! one user. A credential that was granted nothing leases nothing.

use atelier_kit::{
    actor::Actor,
    error::{Error, Fail, Refusal},
    id::{AccessToken, Id, User},
};

use super::{ADMIN, check};
use crate::{
    db::{self, grant::GrantRow},
    engine::{Engine, GROUP_QUEUE},
    error::{Outcome, TaskErrorCode},
};

/// Queues and types that one credential may be bound to.
const QUEUES: std::ops::RangeInclusive<usize> = 1..=50;
const TYPES: std::ops::RangeInclusive<usize> = 1..=200;

/// What a credential is to be bound to.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The credential.
    pub token: Id<AccessToken>,
    /// The queues.
    pub queues: Vec<String>,
    /// The types of tasks.
    pub types: Vec<String>,
    /// Only tasks of this user.
    pub owner: Option<Id<User>>,
}

/// The refusal of what a credential was not granted.
pub(super) fn refused(path: &str) -> Fail<TaskErrorCode> {
    Fail::refused(TaskErrorCode::NotGranted, path)
}

/// Whether only the system itself works on a queue.
fn is_own(engine: &Engine, queue: &str) -> bool {
    queue == GROUP_QUEUE || engine.config().own_queues.contains(queue)
}

fn not_reserved(engine: &Engine, queue: &str, path: &str) -> Outcome<()> {
    if !is_own(engine, queue) {
        return Ok(());
    }
    let refusal = Refusal::new(TaskErrorCode::QueueReserved, path);
    Err(refusal.with("queue", queue).into())
}

/// What the caller's credential was granted. People have none: they sign in.
pub(super) async fn of(engine: &Engine, actor: &Actor) -> Outcome<(GrantRow, Id<AccessToken>)> {
    let token = actor.access_token.ok_or_else(|| refused("input"))?;
    // Not from a replica: what is taken away counts at once.
    let grant: Option<GrantRow> = engine
        .deps()
        .statement(async |tx| Ok::<_, Error>(db::grant::find(tx, token.uuid()).await?))
        .await?;
    Ok((grant.ok_or_else(|| refused("input"))?, token))
}

/// Whether a grant covers a queue, and the system leaves it to others.
pub(super) fn covers_queue(
    engine: &Engine,
    grant: &GrantRow,
    queue: &str,
    path: &str,
) -> Outcome<()> {
    // What is not granted is refused first: who may not know of a queue does not learn whose it is.
    if !grant.queues.iter().any(|granted| granted == queue) {
        return Err(refused(path));
    }
    not_reserved(engine, queue, path)
}

/// Those of the queues that a grant covers still.
pub(super) fn queues(engine: &Engine, grant: &GrantRow, mut queues: Vec<String>) -> Vec<String> {
    queues.retain(|queue| grant.queues.contains(queue) && !is_own(engine, queue));
    queues
}

/// Whether a grant covers a type.
pub(super) fn covers_type(grant: &GrantRow, name: &str, path: &str) -> Outcome<()> {
    match grant.types.iter().any(|granted| granted == name) {
        true => Ok(()),
        false => Err(refused(path)),
    }
}

/// Binds a credential to queues and types, instead of what it was bound to.
///
/// # Errors
/// `FORBIDDEN` without the scope; `QUEUE_RESERVED`, `UNKNOWN_TYPE`, `INVALID_INPUT`.
pub async fn set(engine: &Engine, actor: &Actor, new: NewGrant) -> Outcome<GrantRow> {
    actor.require_scope(ADMIN)?;
    let by = actor.require_user()?;
    if !QUEUES.contains(&new.queues.len()) {
        return Err(check::invalid("input.queues", "Between 1 and 50 queues."));
    }
    if !TYPES.contains(&new.types.len()) {
        return Err(check::invalid("input.types", "Between 1 and 200 types."));
    }
    for (at, queue) in new.queues.iter().enumerate() {
        let path = format!("input.queues.{at}");
        check::name(queue, &path)?;
        not_reserved(engine, queue, &path)?;
    }
    check::names(&new.types, "input.types")?;
    let grant = GrantRow {
        access_token: new.token.uuid(),
        queues: new.queues,
        types: new.types,
        owner: new.owner,
        granted_by: Some(by),
        granted_at: engine.now(),
    };
    let written: Outcome<()> = engine
        .deps()
        .transaction(async |tx| {
            let declared = db::result_shape::declared(tx, &grant.types).await?;
            let mut types = grant.types.iter().enumerate();
            if let Some((at, unknown)) = types.find(|(_, name)| !declared.contains(name)) {
                let path = format!("input.types.{at}");
                let refusal = Refusal::new(TaskErrorCode::UnknownType, &path);
                return Err(refusal.with("type", unknown.as_str()).into());
            }
            Ok(db::grant::set(tx, &grant).await?)
        })
        .await;
    written?;
    tracing::info!(target: "tasks", token = %new.token, by = %by, queues = ?grant.queues, types = ?grant.types, "a credential was bound to queues");
    Ok(grant)
}

/// Takes away what a credential was granted; leases that its workers hold are good for nothing any more.
///
/// # Errors
/// `FORBIDDEN` without the scope; `NOT_FOUND`.
pub async fn remove(
    engine: &Engine,
    actor: &Actor,
    token: Id<AccessToken>,
) -> Outcome<Id<AccessToken>> {
    actor.require_scope(ADMIN)?;
    let removed: usize = engine
        .deps()
        .statement(async |tx| Ok::<_, Error>(db::grant::remove(tx, token.uuid()).await?))
        .await?;
    if removed == 0 {
        return Err(Fail::refused(
            TaskErrorCode::NotFound,
            "input.accessTokenId",
        ));
    }
    tracing::info!(target: "tasks", token = %token, by = ?actor.user_id(), "a credential is bound to nothing any more");
    Ok(token)
}

/// All grants.
///
/// # Errors
/// `FORBIDDEN` without the scope.
pub async fn list(engine: &Engine, actor: &Actor) -> Result<Vec<GrantRow>, Error> {
    actor.require_scope(ADMIN)?;
    let mut connection = engine.deps().read().await?;
    Ok(db::grant::list(&mut connection).await?)
}
