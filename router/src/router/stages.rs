//! The stages of a request, in order.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt;

use super::Router;
use super::refused::{Refused, refuse};
use crate::cache_usage::Owner;
use crate::config::Introspect;
use crate::error::{GraphqlError, code};
use crate::execute::{self, Ceiling, Incremental, Message, Run, Source};
use crate::identity::Caller;
use crate::operation::authorize::Decisions;
use crate::operation::document::Operation;
use crate::operation::{Document, Kind, variables};
use crate::request::{Accepts, ClientRequest, ClientResponse, Outcome, ResponseStatus, Summary};
use crate::snapshot::Variant;
use crate::subgraph::RequestContext;

impl Router {
    pub(super) async fn answer(&self, request: ClientRequest) -> Result<Outcome, Refused> {
        match &self.inner.shared {
            Some(shared) => self.shared_stages(shared, request).await,
            None => self.stages(request).await,
        }
    }

    /// The stages of a request, in order.
    pub(crate) async fn stages(&self, request: ClientRequest) -> Result<Outcome, Refused> {
        let snapshot = self.snapshot();
        let params = request.params;
        let text = params.query.as_deref().ok_or_else(Refused::no_query)?;

        // 1. Parse, limit and validate the document (cached by text).
        let who = Owner::of(&request.caller, request.address);
        let entry = snapshot.document(text, who).await;
        let entry = entry.map_err(Refused::request)?;
        // 2. Choose the operation and see that the transport can carry it.
        let name = params.operation_name.as_deref();
        let (index, operation) = choose(&entry.document, name)?;
        let span = tracing::Span::current();
        span.record("graphql.kind", operation.kind.as_str());
        if let Some(name) = &operation.name {
            span.record("graphql.operation", name.as_str());
        }
        check_transport(operation, request.accepts)?;
        self.check_introspection(&entry.document, operation, &request.caller)?;
        // 3. Check variables against the schema.
        let schema = &snapshot.supergraph.schema;
        let given = params.variables.unwrap_or_default();
        let variables = variables::coerce(schema, operation, given).map_err(Refused::request)?;
        // 4. Decide conditions and permissions.
        let conditions = variables::conditions(operation, &variables);
        let decisions = Decisions::new(&operation.rules, &request.caller);
        let format = request
            .incremental
            .filter(|_| operation.kind != Kind::Subscription);
        let deferral =
            format.and_then(|format| operation.defers.decide(operation, &variables, format));
        // 5. Plan (cached by normalised operation).
        let planned = snapshot
            .variant(text, &entry, index, conditions, decisions, deferral)
            .await;
        let variant = planned.map_err(Refused::failed)?;
        // 6. Fetch, merge, and write the answer.
        let context = Arc::new(RequestContext {
            request_id: request.request_id,
            caller: request.caller,
            headers: request.headers,
            propagate: self.inner.propagate.clone(),
            deadline: Some(
                Instant::now() + Duration::from_millis(self.config().timeouts.request_ms),
            ),
        });
        let mut summary = Summary {
            operation: entry.document.operations[index]
                .name
                .as_deref()
                .map(Arc::from),
            kind: Some(variant.plan.kind),
            fetches: variant.plan.fetches.len(),
            errors: 0,
            position: None,
        };
        if variant.operation.kind == Kind::Subscription {
            let permit = self
                .quotas()
                .subscription(request.address, &context.caller)
                .map_err(Refused::full)?;
            let subscription = execute::Subscription {
                snapshot,
                variant,
                variables,
                context,
                after: request.last_event_id.map(serde_json::Value::from),
            };
            let (events, position) = execute::events(&self.inner.feeds, subscription)
                .await
                .map_err(|error| Refused::executed(vec![error]))?;
            summary.position = Some(position);
            let events = events.inspect(move |_| {
                let _held = &permit;
            });
            return Ok(Outcome::Stream(events.boxed(), summary));
        }
        let Variant { operation, plan } = variant;
        if let (Some(format), Some(_)) = (format, &plan.deferral) {
            let work = Incremental {
                snapshot,
                plan,
                operation,
                variables,
                context,
                format,
                ceiling: self.ceiling(Kind::Query),
            };
            return Ok(in_pieces(work, summary).await);
        }
        let mut run = Run::new(&plan, &snapshot.subgraphs, &variables, Arc::clone(&context));
        run.all(None).await;
        let Run { store, errors, .. } = run;
        let source = Source {
            plan: &plan,
            operation: &operation,
            schema,
            store: &store,
            variables: &variables,
            ceiling: self.ceiling(plan.kind),
        };
        let (body, errors) = execute::response(&source, errors, &context.request_id);
        summary.errors = errors;
        Ok(Outcome::Single(ClientResponse {
            body,
            status: ResponseStatus::Executed,
            summary,
        }))
    }

    /// How long an answer may become.
    fn ceiling(&self, kind: Kind) -> Ceiling {
        Ceiling {
            limit: self.config().limits.max_response_bytes,
            // A mutation has run: its answer is worth more than what it takes.
            free: match kind {
                Kind::Mutation => usize::MAX,
                Kind::Query | Kind::Subscription => self.inner.budget.free(),
            },
        }
    }

    fn check_introspection(
        &self,
        document: &Document,
        operation: &Operation,
        caller: &Caller,
    ) -> Result<(), Refused> {
        let config = &self.config().introspection;
        let may = match config.allow {
            Introspect::Everyone => true,
            Introspect::Loopback => self.inner.is_local.load(Ordering::Relaxed),
            Introspect::Authenticated => caller.authenticated,
            Introspect::Nobody => false,
        };
        if may || !document.introspects(operation) {
            return Ok(());
        }
        if config.scopes.iter().any(|s| caller.scopes.contains(s)) {
            return Ok(());
        }
        let error = GraphqlError::new("You may not ask for the schema here.")
            .with_code(code::INTROSPECTION_DISABLED);
        Err(Refused::request(vec![error]))
    }
}

/// Answers in pieces, once the first one is there.
async fn in_pieces(work: Incremental, mut summary: Summary) -> Outcome {
    let request_id = Arc::clone(&work.context.request_id);
    let mut messages = work.messages();
    let single = |body, status, summary| {
        Outcome::Single(ClientResponse {
            body,
            status,
            summary,
        })
    };
    match messages.next().await {
        Some(Message::Whole(body, errors)) => {
            summary.errors = errors;
            single(body, ResponseStatus::Executed, summary)
        }
        Some(Message::First(body, errors)) => {
            summary.errors = errors;
            let first = futures::stream::once(std::future::ready(body));
            let rest = messages.map(Message::into_bytes);
            Outcome::Incremental(first.chain(rest).boxed(), summary)
        }
        Some(Message::Next(_) | Message::Failed(_)) | None => {
            let error = GraphqlError::new("Something went wrong inside of the router.")
                .with_code(code::INTERNAL);
            refuse(&[error], ResponseStatus::Failed, &request_id)
        }
    }
}

pub(crate) fn choose<'a>(
    document: &'a Document,
    name: Option<&str>,
) -> Result<(usize, &'a Operation), Refused> {
    let bad = Refused::bad;
    match name.filter(|name| !name.is_empty()) {
        Some(name) => document
            .operations
            .iter()
            .enumerate()
            .find(|(_, operation)| operation.name.as_deref() == Some(name))
            .ok_or_else(|| bad(format!("The document has no operation named \"{name}\"."))),
        None => match document.operations.as_slice() {
            [only] => Ok((0, only)),
            [] => Err(bad("The document has no operation.".into())),
            _ => Err(bad(
                "Say which operation to run: \"operationName\" is missing.".into(),
            )),
        },
    }
}

fn check_transport(operation: &Operation, accepts: Accepts) -> Result<(), Refused> {
    let refused = |message: &str, status| {
        Err(Refused {
            errors: vec![GraphqlError::new(message).with_code(code::BAD_REQUEST)],
            status,
        })
    };
    match (operation.kind, accepts) {
        (Kind::Query, _)
        | (Kind::Mutation, Accepts::Single | Accepts::Everything)
        | (Kind::Subscription, Accepts::QueriesAndStreams | Accepts::Everything) => Ok(()),
        (Kind::Mutation, Accepts::Queries | Accepts::QueriesAndStreams) => refused(
            "Mutations are not taken by GET; use POST.",
            ResponseStatus::MethodNotAllowed,
        ),
        (Kind::Subscription, _) => refused(
            "Subscriptions need a WebSocket, or \"Accept: text/event-stream\".",
            ResponseStatus::NotAcceptable,
        ),
    }
}
