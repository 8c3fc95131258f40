//! Subscriptions: each event of the subgraph runs the rest of the plan.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Map, Value};

use super::feeds::{Feeds, NewSubscriber};
use super::subscribers::{FeedStream, Item};
use super::view::View;
use crate::error::GraphqlError;
use crate::operation::resume;
use crate::request::Position;
use crate::snapshot::{Snapshot, Variant};
use crate::subgraph::{RequestContext, SubgraphError};

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
    let mut stream = feeds.join(NewSubscriber {
        view: Arc::new(view),
        source: Arc::new(source),
        context,
        start,
        hot,
    });
    match stream.items.recv().await {
        Some(Item::Started) => {}
        Some(Item::Refused(error)) => return Err(*error),
        Some(Item::Answer(..) | Item::TooSlow) | None => return Err(broken(&subgraph)),
    }
    let position = Position::new(argument, stream.cursor.clone());
    Ok((answers(stream, position.clone()), position))
}

fn answers(stream: FeedStream, position: Position) -> BoxStream<'static, Bytes> {
    futures::stream::unfold((stream, position), |(mut stream, position)| async move {
        match stream.items.recv().await? {
            Item::Answer(body, cursor) => {
                position.advance(cursor);
                Some((body, (stream, position)))
            }
            Item::TooSlow => {
                position.fell_behind();
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
