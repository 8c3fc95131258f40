//! Following a domain's events in a subscription.

use std::sync::Arc;

use futures::{Stream, StreamExt};

use crate::{
    Deps,
    cursor::Cursor,
    error::{Error, ErrorCode},
    event::{Event, stream_of},
    stream::{Interest, StreamCursor, StreamItem},
};

/// What a subscription gets to see.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The next event, shared with other followers, and the cursor to resume after it.
    Event(Arc<Event>, Cursor),
    /// Events are missing here: the client must read its state anew. Nothing comes after it.
    Resync,
}

/// Follows a domain's events: first everything after `after`, then what happens from now on.
///
/// Only events that concern `interest`, by their key or [`Event::concerns`], reach this follower at
/// all. Of these `wanted` selects on the raw event, before anything is loaded; whether the follower
/// may see an event is for `wanted` to say.
///
/// # Errors
/// `BAD_USER_INPUT` for a cursor that is not of this stream, `UNAVAILABLE` if Redis does not answer.
pub async fn follow<F>(
    deps: &Deps,
    after: Option<&Cursor>,
    interest: Interest,
    wanted: F,
) -> Result<impl Stream<Item = Followed> + Send + use<F>, Error>
where
    F: Fn(&Event) -> bool + Send + Sync + 'static,
{
    let stream = stream_of(deps.domain);
    let after = after
        .map(|cursor| deps.cursors.open::<StreamCursor>(&stream, cursor))
        .transpose()?;
    let items = deps
        .hub
        .subscribe_to_events(deps.domain, after, interest)
        .await
        .map_err(|cause| Error::caused(ErrorCode::Unavailable, cause))?;
    let sealer = deps.cursors.clone();
    Ok(items.filter_map(move |item| {
        let followed = match item {
            StreamItem::Entry(entry) => entry
                .event
                .filter(|event| wanted(event))
                .map(|event| Followed::Event(event, sealer.seal(&stream, &entry.cursor))),
            StreamItem::Lagged | StreamItem::TooOld => Some(Followed::Resync),
        };
        std::future::ready(followed)
    }))
}
