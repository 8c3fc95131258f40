//! Whose changes of state a subscriber is told.

use atelier_contracts::tasks::TaskFact;
use atelier_kit::{actor::Actor, delivery::Interest, error::Error};

use super::{require_identity, sees_all};
use crate::db::task::Filter;

/// The events among which are those that a filter selects for the caller.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody.
pub fn interest(actor: &Actor, filter: &Filter) -> Result<Interest, Error> {
    require_identity(actor)?;
    let subject = filter.subject.as_deref();
    if let Some(subject) = subject.filter(|subject| TaskFact::routes_by_subject(subject)) {
        return Ok(Interest::ids([subject]));
    }
    Ok(match filter.owner {
        Some(owner) => Interest::ids([owner]),
        None if sees_all(actor) => Interest::All,
        None => Interest::ids(actor.user_id()),
    })
}

/// Whether the caller is told of a fact.
pub fn selects(actor: &Actor, filter: &Filter, fact: &TaskFact) -> bool {
    let sees = sees_all(actor) || (fact.owner.is_some() && fact.owner == actor.user_id());
    sees && filter.owner.is_none_or(|owner| fact.owner == Some(owner))
        && filter
            .parent
            .is_none_or(|parent| fact.parent == Some(parent))
        && (filter.statuses.is_empty() || filter.statuses.contains(&fact.status))
        && (filter.types.is_empty() || filter.types.contains(&fact.task_type))
        && filter
            .queue
            .as_ref()
            .is_none_or(|queue| *queue == fact.queue)
        && filter
            .subject
            .as_ref()
            .is_none_or(|subject| fact.subject.as_ref() == Some(subject))
}
