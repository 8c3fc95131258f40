//! One field of an object.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use stock::parser::types::Field;
use stock::resolver_utils::ContainerType;
use stock::{ContextSelectionSet, Positioned, ServerError, ServerResult, Value};

/// The source of the error of a field whose resolver panicked.
///
/// `error.source::<Panicked>()` tells it from other errors; its message is for
/// clients and says nothing of the cause, which the panic hook has printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Runs a field's resolver.
pub(crate) async fn resolve<'a, T: ContainerType + ?Sized>(
    ctx: &'a ContextSelectionSet<'a>,
    object: &'a T,
    field: &'a Positioned<Field>,
) -> ServerResult<Value> {
    if field.node.name.node == "__typename" {
        return Ok(Value::String(object.introspection_type_name().into_owned()));
    }
    let ctx = ctx.with_field(field);
    Ok(object.resolve_field(&ctx).await?.unwrap_or_default())
}

/// Polls a field; a panic is an error of the field.
pub(crate) fn poll<F: Future<Output = ServerResult<Value>>>(
    future: Pin<&mut F>,
    task: &mut TaskContext<'_>,
    ctx: &ContextSelectionSet<'_>,
    field: &Positioned<Field>,
) -> Poll<ServerResult<Value>> {
    // A future that panicked is not polled again: its slot is given up.
    match catch_unwind(AssertUnwindSafe(|| future.poll(task))) {
        Ok(polled) => polled,
        Err(_) => Poll::Ready(Err(panicked(ctx, field))),
    }
}

#[cold]
fn panicked(ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerError {
    let mut error = ServerError::new("Something went wrong inside of the API.", Some(field.pos));
    error.source = Some(Arc::new(Panicked));
    let mut extensions = stock::ErrorExtensionValues::default();
    extensions.set("code", "INTERNAL");
    error.extensions = Some(extensions);
    ctx.with_field(field).set_error_path(error)
}
