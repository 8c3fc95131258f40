//! A domain's schema, as everybody calls it: in process, over HTTP, or from another domain.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock},
};

use async_graphql::{
    Data, Executor, ObjectType, Panicked, Request, Response, Schema, SchemaBuilder, ServerError,
    SubscriptionType, ValidationMode,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
    parser::types::OperationType,
};
use futures::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};

use super::{Operation, Scope};
use crate::{
    Locale,
    actor::Actor,
    error::{CodeSpec, Error, ErrorCode},
    loader::{drive, drive_stream},
};

/// An executable domain schema; cheap to clone.
///
/// Around the schema it puts what each request needs ([`Scope`]) and what each error needs: a
/// stable code, the caller's language, and one log line where the cause is hidden.
#[derive(Clone)]
pub struct Service(Arc<Variants>);

/// The schema for different callers; each is built when it is needed first.
struct Variants {
    /// For requests from outside of the process.
    validating: Variant,
    /// For the router in the same process, which has validated what it asks.
    trusting: Variant,
    /// With a guard around every root resolver, to repeat a query that panicked there. Panics
    /// further down lose only their field anyway.
    guarded: Variant,
}

type Variant = LazyLock<Box<dyn Erased>, Box<dyn FnOnce() -> Box<dyn Erased> + Send>>;

type Change<Q, M, S> = fn(SchemaBuilder<Q, M, S>) -> SchemaBuilder<Q, M, S>;

impl Service {
    /// Builds the schema from `builder`, which is called once for each way to call the schema.
    pub fn new<Q, M, S>(
        builder: impl Fn() -> SchemaBuilder<Q, M, S> + Send + Sync + 'static,
    ) -> Self
    where
        Q: ObjectType + 'static,
        M: ObjectType + 'static,
        S: SubscriptionType + 'static,
    {
        let builder = Arc::new(builder);
        let variant = |change: Change<Q, M, S>| {
            let builder = Arc::clone(&builder);
            let build: Box<dyn FnOnce() -> Box<dyn Erased> + Send> =
                Box::new(move || Box::new(change(builder()).finish()));
            Variant::new(build)
        };
        Self(Arc::new(Variants {
            validating: variant(|builder| builder),
            trusting: variant(|builder| builder.validation_mode(ValidationMode::Fast)),
            guarded: variant(|builder| builder.extension(PanicGuard)),
        }))
    }

    /// The subgraph's schema definition.
    pub fn sdl(&self) -> String {
        self.0.trusting.sdl()
    }

    /// Runs a query or mutation for the `Arc<Actor>` in the request's data (nobody, if there is none).
    ///
    /// A resolver that panics costs its field; one of `Mutation` itself costs the answer.
    pub async fn execute(&self, request: Request) -> Response {
        let (mut request, scope) = prepare(request);
        let retry = is_query(&mut request).then(|| copy(&request, &scope));
        let ran = drive(scope.loaders, self.0.validating.execute(request));
        let ran = AssertUnwindSafe(ran).catch_unwind().await;
        let mut response = match (ran, retry) {
            (Ok(response), _) => response,
            (Err(_), Some((again, scope))) => {
                drive(scope.loaders, self.0.guarded.execute(again)).await
            }
            (Err(_), None) => Response::from_errors(vec![panicked()]),
        };
        present(&mut response, scope.actor.locale);
        response
    }

    /// The schema for a caller in the same process that validates what it asks and handles panics
    /// itself: it runs a query that panicked again on [`Service::guarded`].
    pub fn direct(&self) -> Direct {
        Direct {
            variants: Arc::clone(&self.0),
            variant: |variants| &variants.trusting,
        }
    }

    /// The schema with a guard around every root resolver, for queries that panicked.
    pub fn guarded(&self) -> Direct {
        Direct {
            variants: Arc::clone(&self.0),
            variant: |variants| &variants.guarded,
        }
    }

    /// Runs a subscription (or a single query or mutation) for the actor in the request's data.
    pub fn execute_stream(&self, request: Request) -> BoxStream<'static, Response> {
        let (request, scope) = prepare(request);
        let locale = scope.actor.locale;
        let stream = drive_stream(scope.loaders, self.0.validating.execute_stream(request));
        // A panic ends the stream with an error; it does not take the connection's task along.
        AssertUnwindSafe(stream)
            .catch_unwind()
            .map(move |item| {
                let mut response = item.unwrap_or_else(|_| Response::from_errors(vec![panicked()]));
                present(&mut response, locale);
                response
            })
            .boxed()
    }
}

/// A schema that lets panics through, so that nothing needs to be copied beforehand.
#[derive(Clone)]
pub struct Direct {
    variants: Arc<Variants>,
    variant: fn(&Variants) -> &Variant,
}

impl Direct {
    fn schema(&self) -> &dyn Erased {
        &***(self.variant)(&self.variants)
    }
}

impl Executor for Direct {
    async fn execute(&self, request: Request) -> Response {
        let (request, scope) = prepare(request);
        let mut response = drive(scope.loaders, self.schema().execute(request)).await;
        present(&mut response, scope.actor.locale);
        response
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        // Sessions belong to async-graphql's own WebSocket server; here identity is per request.
        drop(session);
        let (request, scope) = prepare(request);
        let locale = scope.actor.locale;
        let stream = drive_stream(scope.loaders, self.schema().execute_stream(request));
        stream
            .map(move |mut response| {
                present(&mut response, locale);
                response
            })
            .boxed()
    }
}

impl Executor for Service {
    fn execute(&self, request: Request) -> impl Future<Output = Response> + Send {
        Self::execute(self, request)
    }

    fn execute_stream(
        &self,
        request: Request,
        session: Option<Arc<Data>>,
    ) -> BoxStream<'static, Response> {
        drop(session);
        Self::execute_stream(self, request)
    }
}

/// Puts the scope into a request, from what came in its data, and gives it out as well.
fn prepare(mut request: Request) -> (Request, Scope) {
    let actor = given::<Arc<Actor>>(&request).unwrap_or_default();
    let operation = given::<Operation>(&request)
        .or_else(|| Operation::of(&actor, &actor.request_id))
        .unwrap_or_default();
    request.introspection_mode = async_graphql::IntrospectionMode::Enabled;
    let scope = Scope {
        actor,
        operation,
        loaders: Arc::default(),
    };
    (request.data(scope.clone()), scope)
}

fn given<T: Clone + 'static>(request: &Request) -> Option<T> {
    let found = request.data.get(&std::any::TypeId::of::<T>())?;
    found.downcast_ref::<T>().cloned()
}

fn is_query(request: &mut Request) -> bool {
    request.parsed_query().is_ok_and(|document| {
        document
            .operations
            .iter()
            .all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}

/// The same request with loaders of its own.
fn copy(request: &Request, scope: &Scope) -> (Request, Scope) {
    let scope = Scope {
        loaders: Arc::default(),
        ..scope.clone()
    };
    let mut copy = Request::new(request.query.clone())
        .variables(request.variables.clone())
        .data(scope.clone());
    copy.operation_name.clone_from(&request.operation_name);
    (copy, scope)
}

fn panicked() -> ServerError {
    let mut error = ServerError::new("panic", None);
    error.source = Some(Arc::new(Error::internal("a resolver panicked")));
    error
}

/// Gives every error its code and its words, and logs what callers must not see.
fn present(response: &mut Response, locale: Locale) {
    for error in &mut response.errors {
        if error.source::<Panicked>().is_some() {
            *error = ServerError {
                path: std::mem::take(&mut error.path),
                locations: std::mem::take(&mut error.locations),
                ..panicked()
            };
        }
        let (spec, message): (&CodeSpec, Option<String>) = match error.source::<Error>() {
            Some(source) => {
                if let Some(cause) = source.cause_chain() {
                    tracing::error!(target: "error", code = source.code().spec().name, cause, path = ?error.path, "a resolver failed");
                }
                (source.code().spec(), Some(source.message(locale)))
            }
            // Everything of ours has a source: the rest is async-graphql's word on the request.
            None => (ErrorCode::BadUserInput.spec(), None),
        };
        if let Some(message) = message {
            error.message = message;
        }
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", spec.name);
            extensions.set("numericCode", spec.numeric);
        }
    }
}

/// Turns a panic of one resolver into an error of its field.
struct PanicGuard;

impl ExtensionFactory for PanicGuard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for PanicGuard {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> async_graphql::ServerResult<Option<async_graphql::Value>> {
        AssertUnwindSafe(next.run(ctx, info))
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(panicked()))
    }
}

/// A schema without its type parameters.
trait Erased: Send + Sync {
    fn execute(&self, request: Request) -> BoxFuture<'_, Response>;
    fn execute_stream(&self, request: Request) -> BoxStream<'static, Response>;
    fn sdl(&self) -> String;
}

impl<Q: ObjectType + 'static, M: ObjectType + 'static, S: SubscriptionType + 'static> Erased
    for Schema<Q, M, S>
{
    fn execute(&self, request: Request) -> BoxFuture<'_, Response> {
        Self::execute(self, request).boxed()
    }

    fn execute_stream(&self, request: Request) -> BoxStream<'static, Response> {
        Self::execute_stream(self, request).boxed()
    }

    fn sdl(&self) -> String {
        self.sdl_with_options(
            async_graphql::SDLExportOptions::new()
                .federation()
                .compose_directive()
                .include_specified_by(),
        )
    }
}
