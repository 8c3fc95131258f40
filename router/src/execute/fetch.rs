//! Running the fetches of a plan: each starts as soon as what it waits for is
//! merged, all that can run at once do.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Map, Value};
use tracing::Instrument;

use super::entities::{self, Batch};
use super::error_paths::ErrorPaths;
use super::merge::{self, Expected, Taken};
use super::store::{Absent, Slot, Store};
use super::values::take_values;
use crate::error::{GraphqlError, PathSegment, code};
use crate::json::write;
use crate::operation::keys;
use crate::plan::{Branch, Fetch, ObjectShape, OperationPlan, PathStep, Target};
use crate::snapshot::Subgraphs;
use crate::subgraph::{RequestContext, SubgraphError, SubgraphRequest, SubgraphResponse};

/// Errors kept per request; more are dropped.
const MAX_ERRORS: usize = 1000;

/// The answer to one fetch.
pub(super) struct Answered {
    pub(super) at: usize,
    batches: Vec<Batch>,
    answer: Result<SubgraphResponse, SubgraphError>,
}

/// One run of a plan.
pub(crate) struct Run<'a> {
    pub(crate) plan: &'a OperationPlan,
    pub(crate) subgraphs: &'a Subgraphs,
    pub(crate) variables: &'a Map<String, Value>,
    pub(crate) context: Arc<RequestContext>,
    pub(crate) store: Store,
    pub(crate) errors: Vec<GraphqlError>,
    /// Set when a fetch gave nothing at all.
    pub(super) failed: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        plan: &'a OperationPlan,
        subgraphs: &'a Subgraphs,
        variables: &'a Map<String, Value>,
        context: Arc<RequestContext>,
    ) -> Self {
        let store = Store::new(plan.root_width, plan.size.expected());
        Self {
            plan,
            subgraphs,
            variables,
            context,
            store,
            errors: Vec::new(),
            failed: false,
        }
    }

    /// Runs all fetches, or those behind `done` when that one is merged already.
    pub(crate) async fn all(&mut self, done: Option<usize>) {
        let mut waiting: Vec<u32> = self.plan.fetches.iter().map(|f| f.dependencies).collect();
        let mut ready: Vec<usize> = match done {
            Some(done) => release(&mut waiting, &self.plan.fetches[done]),
            None => (0..waiting.len()).filter(|at| waiting[*at] == 0).collect(),
        };
        let mut running = FuturesUnordered::new();
        loop {
            while let Some(at) = ready.pop() {
                match self.start(at) {
                    Some(answer) => running.push(answer),
                    None => ready.extend(release(&mut waiting, &self.plan.fetches[at])),
                }
            }
            let Some(answered) = running.next().await else {
                break;
            };
            ready.extend(release(&mut waiting, &self.plan.fetches[answered.at]));
            self.take_in(answered);
        }
        self.plan.size.observed(self.store.len());
    }

    /// Asks what the fetch at `at` asks, or nothing when there is nothing to ask.
    pub(super) fn start(
        &self,
        at: usize,
    ) -> Option<impl Future<Output = Answered> + Send + use<'a>> {
        let fetch = &self.plan.fetches[at];
        let (request, batches) = self.request(fetch)?;
        let client = self.subgraphs.get(&fetch.subgraph);
        let span = tracing::info_span!(
            target: "atelier_router",
            "router.fetch",
            subgraph = %fetch.subgraph
        );
        let answer = async move {
            let answer = match client {
                Some(client) => client.execute(request).await,
                None => Err(SubgraphError::Unavailable("no client for it".into())),
            };
            Answered {
                at,
                batches,
                answer,
            }
        };
        Some(answer.instrument(span))
    }

    pub(super) fn take_in(&mut self, answered: Answered) {
        let fetch = &self.plan.fetches[answered.at];
        self.take(fetch, &answered.batches, answered.answer);
    }

    /// The request of a fetch, or nothing when there is nothing to ask.
    pub(crate) fn request(&self, fetch: &Fetch) -> Option<(SubgraphRequest, Vec<Batch>)> {
        let mut variables = Vec::with_capacity(256);
        variables.push(b'{');
        let mut batches = Vec::new();
        if let Target::Entities { branches } = &fetch.target {
            for branch in branches {
                separate(&mut variables);
                variables.extend_from_slice(&branch.variable);
                batches.push(entities::represent(&self.store, branch, &mut variables));
            }
            if batches.iter().all(|batch| batch.representations == 0) {
                return None;
            }
        }
        for (name, key) in &fetch.variables {
            if let Some(value) = self.variables.get(name) {
                separate(&mut variables);
                variables.extend_from_slice(key);
                write::value(&mut variables, value);
            }
        }
        variables.push(b'}');
        let request = SubgraphRequest {
            operation: Arc::clone(&fetch.operation),
            variables: Bytes::from(variables),
            context: Arc::clone(&self.context),
        };
        Some((request, batches))
    }

    /// Takes an answer into the store.
    pub(crate) fn take(
        &mut self,
        fetch: &Fetch,
        batches: &[Batch],
        answer: Result<SubgraphResponse, SubgraphError>,
    ) {
        let expected = match &fetch.target {
            Target::Root { shape } => Expected::Root(shape),
            Target::Entities { branches } => {
                Expected::Entities(branches.iter().map(|b| (&*b.alias, &b.shape)).collect())
            }
        };
        let taken = answer.and_then(|answer| {
            match answer {
                SubgraphResponse::Json(body) => merge::take_json(&mut self.store, body, &expected),
                SubgraphResponse::Values { data, errors } => {
                    let document = fetch.operation.document().ok();
                    take_values(&mut self.store, &data, errors, &expected, document)
                }
            }
            .map_err(SubgraphError::InvalidResponse)
        });
        match taken {
            Ok(taken) => self.merge(fetch, batches, taken),
            Err(error) => self.fail(fetch, &error),
        }
    }

    fn merge(&mut self, fetch: &Fetch, batches: &[Batch], taken: Taken) {
        match &fetch.target {
            Target::Root { shape } => {
                match taken.roots.first() {
                    Some(Slot::Object(object)) => self.store.merge(0, *object, shape),
                    _ => self.missing_root(shape),
                }
                for error in taken.errors {
                    self.report(fetch, error);
                }
            }
            Target::Entities { branches } => {
                let mut wrong_length = false;
                for ((branch, batch), root) in branches.iter().zip(batches).zip(&taken.roots) {
                    wrong_length |= !self.merge_entities(&fetch.subgraph, branch, batch, *root)
                        && taken.has_data;
                }
                if wrong_length && taken.errors.is_empty() {
                    let error = SubgraphError::InvalidResponse("wrong number of entities".into());
                    self.fail(fetch, &error);
                }
                let mut error_paths = ErrorPaths::new(branches, batches, &taken.roots);
                for error in taken.errors {
                    self.entity_error(fetch, &mut error_paths, error);
                }
            }
        }
    }

    /// Asked fields of a subgraph without data are null, not unknown.
    fn missing_root(&mut self, shape: &ObjectShape) {
        for field in &shape.fields {
            if self.store.get(0, field.slot) == Slot::Missing {
                self.store.set(0, field.slot, Slot::Null);
            }
        }
    }

    /// Gives each entity its answer; false when their numbers differ.
    fn merge_entities(
        &mut self,
        subgraph: &Arc<str>,
        branch: &Branch,
        batch: &Batch,
        root: Slot,
    ) -> bool {
        let Slot::List { start, len } = root else {
            return batch.representations == 0;
        };
        if len as usize != batch.representations {
            return false;
        }
        for found in &batch.targets {
            let item = self
                .store
                .items(start, len)
                .get(found.representation)
                .copied();
            match item {
                Some(Slot::Object(object)) => {
                    self.store.merge(found.object, object, &branch.shape);
                }
                Some(Slot::Null) => {
                    let ty = entities::asked_as(&self.store, branch, found.object);
                    let subgraph = Arc::clone(subgraph);
                    self.store.set_absent(found.object, Absent { subgraph, ty });
                }
                _ => {}
            }
        }
        true
    }

    /// Reports that a whole fetch failed, once per root field or place.
    pub(crate) fn fail(&mut self, fetch: &Fetch, error: &SubgraphError) {
        tracing::warn!(
            target: "atelier_router::fetch",
            subgraph = %fetch.subgraph,
            request.id = %self.context.request_id,
            code = error.code(),
            detail = %error,
            "subgraph request failed"
        );
        metrics::counter!(
            "graphql_subgraph_errors_total",
            "subgraph" => fetch.subgraph.to_string(),
            "code" => error.code(),
        )
        .increment(1);
        self.failed = true;
        let build = || {
            GraphqlError::new(error.public_message())
                .with_code(error.code())
                .with("service", &*fetch.subgraph)
        };
        match &fetch.target {
            Target::Root { shape } => {
                for field in &shape.fields {
                    let key = String::from_utf8_lossy(&field.key).into_owned();
                    self.push(build().at(vec![PathSegment::Key(key)]));
                }
            }
            Target::Entities { branches } => {
                let path = branches
                    .first()
                    .and_then(|b| b.paths.first())
                    .map(|p| plain_prefix(p));
                let mut failed = build();
                failed.path = path;
                self.push(failed);
            }
        }
    }

    fn entity_error(
        &mut self,
        fetch: &Fetch,
        error_paths: &mut ErrorPaths<'_>,
        mut error: GraphqlError,
    ) {
        let path = error.path.take().unwrap_or_default();
        let places = error_paths.places(&self.store, &path);
        if places.is_empty() {
            return self.report(fetch, error);
        }
        for place in places {
            if self.errors.len() >= MAX_ERRORS {
                return;
            }
            let mut copy = error.clone();
            copy.path = Some(place);
            self.report(fetch, copy);
        }
    }

    /// Adds a subgraph's own error.
    fn report(&mut self, fetch: &Fetch, mut error: GraphqlError) {
        if error.code().is_none() {
            error = error.with_code(code::INTERNAL);
        }
        self.push(error.with("service", &*fetch.subgraph));
    }

    fn push(&mut self, mut error: GraphqlError) {
        if let Some(path) = &mut error.path {
            keys::restore(path);
        }
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }
}

fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}

/// Counts `done` as merged; gives the fetches that may start now.
fn release(waiting: &mut [u32], done: &Fetch) -> Vec<usize> {
    let mut ready = Vec::new();
    for dependent in &done.dependents {
        waiting[*dependent] = waiting[*dependent].saturating_sub(1);
        if waiting[*dependent] == 0 {
            ready.push(*dependent);
        }
    }
    ready
}

/// The keys of a path up to its first list: further on it would name one item.
fn plain_prefix(path: &[PathStep]) -> Vec<PathSegment> {
    let mut keys = Vec::new();
    for step in path {
        if let PathStep::Field { key, is_list, .. } = step {
            keys.push(PathSegment::Key(key.clone()));
            if *is_list {
                break;
            }
        }
    }
    keys
}
