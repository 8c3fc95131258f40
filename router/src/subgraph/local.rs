//! A subgraph in the same process: no HTTP, no JSON, documents parsed once per plan.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::positional::Positional;
use async_graphql::{Executor, Request, Response, ServerError, ServerResult, Value};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};

use super::{RequestContext, SubgraphClient, SubgraphError, SubgraphRequest, SubgraphResponse};
use crate::error::{GraphqlError, PathSegment, code};

type Inject = dyn Fn(&RequestContext, &mut Request) + Send + Sync;

/// An async-graphql schema reached by a function call.
///
/// A panic is caught here and fails the whole fetch. To lose only the field
/// whose resolver panicked, add [`CatchPanics`] to the schema.
pub struct LocalSubgraph<E> {
    executor: E,
    inject: Arc<Inject>,
}

impl<E> std::fmt::Debug for LocalSubgraph<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalSubgraph").finish_non_exhaustive()
    }
}

impl<E: Executor> LocalSubgraph<E> {
    /// Reaches `executor`. `inject` is called for each request, to move the
    /// caller's identity and the request id into the request's data.
    pub fn new(
        executor: E,
        inject: impl Fn(&RequestContext, &mut Request) + Send + Sync + 'static,
    ) -> Self {
        Self {
            executor,
            inject: Arc::new(inject),
        }
    }

    fn request(&self, request: &SubgraphRequest) -> Result<Request, SubgraphError> {
        let invalid = |what: String| SubgraphError::InvalidResponse(what);
        let document = request.operation.document();
        let document = document.map_err(|error| invalid(error.to_owned()))?;
        let mut local = Request::new(String::new());
        if request.has_variables() {
            local.variables = serde_json::from_slice(&request.variables)
                .map_err(|error| invalid(error.to_string()))?;
        }
        local.set_parsed_query(document.parsed.clone());
        if document.positional {
            local.data.insert(Positional);
        }
        (self.inject)(&request.context, &mut local);
        Ok(local)
    }
}

#[async_trait]
impl<E: Executor> SubgraphClient for LocalSubgraph<E> {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        let local = self.request(&request)?;
        match AssertUnwindSafe(self.executor.execute(local))
            .catch_unwind()
            .await
        {
            Ok(response) => Ok(convert(response)),
            Err(_) => Err(SubgraphError::Panicked),
        }
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        let local = self.request(&request)?;
        let stream = self.executor.execute_stream(local, None);
        let events = AssertUnwindSafe(stream)
            .catch_unwind()
            .map(|event| match event {
                Ok(response) => Ok(convert(response)),
                Err(_) => Err(SubgraphError::Panicked),
            });
        Ok(events.boxed())
    }
}

fn convert(response: Response) -> SubgraphResponse {
    let Response { data, errors, .. } = response;
    // A request that did not run has no data, which is not the same as null data,
    // but reads the same: every asked field is null.
    SubgraphResponse::Values {
        data,
        errors: errors.into_iter().map(error).collect(),
    }
}

fn error(error: ServerError) -> GraphqlError {
    let mut converted = GraphqlError::new(error.message);
    if !error.path.is_empty() {
        let segment = |segment| match segment {
            async_graphql::PathSegment::Field(key) => PathSegment::Key(key),
            async_graphql::PathSegment::Index(at) => PathSegment::Index(at),
        };
        converted.path = Some(error.path.into_iter().map(segment).collect());
    }
    if let Some(Ok(serde_json::Value::Object(extensions))) =
        error.extensions.map(serde_json::to_value)
    {
        converted.extensions = extensions;
    }
    converted
}

/// Turns a panic of a resolver into an error of that one field.
///
/// An extension for the subgraph's schema: `Schema::build(…).extension(CatchPanics)`.
/// Without it a panic fails the whole fetch, which is as fine as a caller of
/// async-graphql can see from outside.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanics;

impl ExtensionFactory for CatchPanics {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(CatchPanicsExtension)
    }
}

struct CatchPanicsExtension;

#[async_trait]
impl Extension for CatchPanicsExtension {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        let path = info.path_node.to_string_vec();
        match AssertUnwindSafe(next.run(ctx, info)).catch_unwind().await {
            Ok(result) => result,
            Err(_) => {
                tracing::error!(target: "atelier_router::local", path = ?path, "a resolver panicked");
                let mut error = ServerError::new("Something went wrong inside of the API.", None);
                error.path = path
                    .into_iter()
                    .map(|segment| match segment.parse() {
                        Ok(at) => async_graphql::PathSegment::Index(at),
                        Err(_) => async_graphql::PathSegment::Field(segment),
                    })
                    .collect();
                let mut extensions = async_graphql::ErrorExtensionValues::default();
                extensions.set("code", code::INTERNAL);
                error.extensions = Some(extensions);
                Err(error)
            }
        }
    }
}
