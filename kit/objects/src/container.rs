//! An object: its fields side by side.

use std::any::TypeId;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures::future::BoxFuture;
use stock::resolver_utils::ContainerType;
use stock::{ContextSelectionSet, ServerResult, Value};

use crate::field;
use crate::positional::{self, Positional};
use crate::selection::{self, Fields, Selected};
use crate::values::Values;
use crate::waiting::{AllWaiting, Waiting, place, poll};

/// Resolves an object's selected fields side by side.
///
/// Resolvers that do not wait run one after the other, in the order of the
/// request. Errors of fields go to the request, and the field is left out.
///
/// # Errors
/// When the selection spreads an unknown fragment.
pub fn resolve_container<'a, T: ContainerType + ?Sized>(
    ctx: &'a ContextSelectionSet<'a>,
    object: &'a T,
) -> BoxFuture<'a, ServerResult<Value>> {
    // The box ends the recursion of types that contain each other.
    Box::pin(async move {
        match selection::of(ctx, object)? {
            Selected::Fields(fields) => {
                let values = resolve_fields(ctx, object, &fields).await;
                Ok(match is_positional(ctx) {
                    true => values.without_keys(),
                    false => values.with_keys(&fields),
                })
            }
            Selected::Special => stock::resolver_utils::resolve_container(ctx, object).await,
        }
    })
}

fn is_positional(ctx: &ContextSelectionSet<'_>) -> bool {
    ctx.query_env
        .query_data
        .contains_key(&TypeId::of::<Positional>())
        && positional::fields(&ctx.item.node, &ctx.query_env.fragments).is_some()
}

async fn resolve_fields<'a, T: ContainerType + ?Sized>(
    ctx: &'a ContextSelectionSet<'a>,
    object: &'a T,
    fields: &Fields<'a>,
) -> Values {
    let mut values = Values::with_capacity(fields.len());
    // The first field that waits stays here; later ones need a place of their own.
    let mut first = pin!(None);
    let mut first_at = None;
    let mut later = Vec::new();
    let mut free = None;
    poll_fn(|task| {
        for (at, &field) in fields.iter().enumerate() {
            let future = field::resolve(ctx, object, field);
            let polled = if first_at.is_none() {
                first.set(Some(future));
                let polled = poll(first.as_mut(), task, ctx, field);
                first_at = polled.is_pending().then_some(at);
                polled
            } else {
                let mut place = place(free.take(), future);
                let polled = poll(place.as_mut(), task, ctx, field);
                match polled.is_pending() {
                    true => later.push(Waiting {
                        at,
                        place,
                        ctx,
                        field,
                    }),
                    false => free = Some(place),
                }
                polled
            };
            match polled {
                Poll::Ready(result) => values.push(taken(ctx, result)),
                Poll::Pending => values.wait(),
            }
        }
        Poll::Ready(())
    })
    .await;
    let Some(first_at) = first_at else {
        return values;
    };
    let mut later = AllWaiting::new(later);
    let mut first_waits = true;
    let mut just_polled = later.were_polled();
    poll_fn(|task| {
        if std::mem::take(&mut just_polled) {
            return Poll::Pending;
        }
        if first_waits
            && let Poll::Ready(result) = poll(first.as_mut(), task, ctx, fields[first_at])
        {
            values.set(first_at, taken(ctx, result));
            first_waits = false;
        }
        let later = later.poll(task, |at, result| values.set(at, taken(ctx, result)));
        match first_waits {
            true => Poll::Pending,
            false => later,
        }
    })
    .await;
    values
}

/// A field's value; `None` when it failed.
fn taken(ctx: &ContextSelectionSet<'_>, result: ServerResult<Value>) -> Option<Value> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            ctx.add_error(error);
            None
        }
    }
}
