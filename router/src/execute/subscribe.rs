//! Subscriptions: each event of the subgraph runs the rest of the plan.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::feeds::{Feeds, Joining};
use super::seats::{Item, Seat};
use super::view::View;
use crate::error::GraphqlError;
use crate::operation::resume;
use crate::snapshot::{Snapshot, Variant};
use crate::subgraph::{RequestContext, SubgraphError};

/// How far a subscriber has come. Its stream moves it with each answer it gives.
#[derive(Debug, Clone)]
pub struct Position(Arc<Mutex<Place>>);

#[derive(Debug)]
struct Place {
    argument: Option<String>,
    cursor: Option<Arc<Value>>,
    too_slow: bool,
}

impl Position {
    fn new(argument: Option<String>, cursor: Option<Arc<Value>>) -> Self {
        Self(Arc::new(Mutex::new(Place {
            argument,
            cursor,
            too_slow: false,
        })))
    }

    /// Cursor of the last answer, if the subscription can be continued.
    pub(crate) fn cursor(&self) -> Option<Arc<Value>> {
        self.0.lock().cursor.clone()
    }

    /// True when the stream ended because it was read too slowly.
    pub(crate) fn is_too_slow(&self) -> bool {
        self.0.lock().too_slow
    }

    /// What tells a client how to continue behind `cursor`.
    pub(crate) fn resume(&self, cursor: Option<&Value>) -> Option<Value> {
        let argument = self.0.lock().argument.clone()?;
        Some(serde_json::json!({"arg": argument, "cursor": cursor?}))
    }
}

/// A subscription of a client, about to be started.
pub(crate) struct Subscription {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) variant: Variant,
    pub(crate) variables: Map<String, Value>,
    pub(crate) context: Arc<RequestContext>,
    /// Where the client's transport says it wants to continue, instead of the argument.
    pub(crate) after: Option<Value>,
}

/// Starts a subscription and gives its answers, one per event.
///
/// # Errors
/// When the subgraph refuses or cannot be reached.
pub(crate) async fn events(
    feeds: &Feeds,
    subscription: Subscription,
) -> Result<(BoxStream<'static, Bytes>, Position), GraphqlError> {
    let Subscription {
        snapshot,
        variant,
        variables,
        context,
        after,
    } = subscription;
    let operation = Arc::clone(&variant.operation);
    let (view, source) = View::new(&snapshot, variant, variables)?;
    let resumption = operation.resumption.as_ref();
    let argument = resumption.map(|resumption| resumption.argument.clone());
    let start = resumption.and_then(|r| after.or_else(|| r.start(view.variables())));
    let hot_fields = &snapshot.config.subscriptions.hot_fields;
    let field = operation.to_plan.as_ref().and_then(resume::root_field);
    let hot = field.is_some_and(|field| hot_fields.contains(&field.name));
    let subgraph = Arc::clone(&source.subgraph);
    let mut seat = feeds.join(Joining {
        view: Arc::new(view),
        source: Arc::new(source),
        context,
        start,
        hot,
    });
    match seat.items.recv().await {
        Some(Item::Started) => {}
        Some(Item::Refused(error)) => return Err(*error),
        Some(Item::Answer(..) | Item::TooSlow) | None => return Err(broken(&subgraph)),
    }
    let position = Position::new(argument, seat.cursor.clone());
    Ok((answers(seat, position.clone()), position))
}

fn answers(seat: Seat, position: Position) -> BoxStream<'static, Bytes> {
    futures::stream::unfold((seat, position), |(mut seat, position)| async move {
        match seat.items.recv().await? {
            Item::Answer(body, cursor) => {
                if cursor.is_some() {
                    position.0.lock().cursor = cursor;
                }
                Some((body, (seat, position)))
            }
            Item::TooSlow => {
                position.0.lock().too_slow = true;
                None
            }
            Item::Started | Item::Refused(_) => None,
        }
    })
    .boxed()
}

/// An error that says the subscriber's connection to the feed broke.
fn broken(subgraph: &str) -> GraphqlError {
    let error = SubgraphError::Unavailable("the feed ended".into());
    GraphqlError::new(error.public_message())
        .with_code(error.code())
        .with("service", subgraph)
}
