//! One supergraph with the clients of its subgraphs and the caches that are
//! only valid for it. Swapped as a whole, so a request never sees two.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use parking_lot::RwLock;

use crate::cache_usage::{Owner, Share, Shares, weight};
use crate::config::RouterConfig;
use crate::error::{GraphqlError, code};
use crate::operation::authorize::Decisions;
use crate::operation::defer::Deferring;
use crate::operation::document::Conditions;
use crate::operation::{Document, Kind, PreparedOperation, parse};
use crate::plan::{self, OperationPlan, PlanError};
use crate::subgraph::SubgraphClient;
use crate::supergraph::Supergraph;

/// Variants of one document kept ready; beyond that they are looked up by text.
const MAX_VARIANTS: usize = 16;

/// Clients by subgraph name.
pub(crate) type Subgraphs = HashMap<Arc<str>, Arc<dyn SubgraphClient>>;

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) supergraph: Arc<Supergraph>,
    pub(crate) subgraphs: Arc<Subgraphs>,
    /// Tells snapshots apart.
    pub(crate) generation: u64,
    documents: Cache<String, Arc<Entry>>,
    shares: Arc<Shares>,
    plans: Cache<String, Arc<OperationPlan>>,
    pub(crate) config: Arc<RouterConfig>,
}

/// A document and the variants of its operations met so far.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) document: Arc<Document>,
    variants: RwLock<HashMap<VariantKey, Variant>>,
    share: Share,
    /// How often it was asked, roughly.
    hits: AtomicU64,
}

impl Entry {
    /// Counts requests.
    pub(crate) fn used(&self, times: u64) {
        self.hits.fetch_add(times, Ordering::Relaxed);
    }
}

/// A document that was asked often.
pub(crate) struct Used {
    pub(crate) text: Arc<String>,
    pub(crate) hits: u64,
    pub(crate) variants: Vec<Variant>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct VariantKey {
    operation: usize,
    conditions: Vec<bool>,
    decisions: String,
    deferral: Option<Deferring>,
}

/// An operation ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) operation: Arc<PreparedOperation>,
    pub(crate) plan: Arc<OperationPlan>,
}

impl Snapshot {
    pub(crate) fn new(
        supergraph: Arc<Supergraph>,
        subgraphs: Subgraphs,
        config: Arc<RouterConfig>,
    ) -> Self {
        let documents = Cache::builder()
            .max_capacity(config.cache.document_bytes)
            .weigher(|_, entry: &Arc<Entry>| u32::try_from(entry.share.bytes()).unwrap_or(u32::MAX))
            .build();
        let plans = Cache::builder()
            .max_capacity(config.cache.plan_bytes)
            .weigher(|key: &String, plan: &Arc<OperationPlan>| {
                u32::try_from(weight::of_plan(key.len(), plan)).unwrap_or(u32::MAX)
            })
            .build();
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        Self {
            supergraph,
            subgraphs: Arc::new(subgraphs),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            documents,
            shares: Shares::new(config.cache.document_bytes),
            plans,
            config,
        }
    }

    /// The document of `text`, parsed and validated at most once; `who` asks for it.
    pub(crate) async fn document(
        &self,
        text: &str,
        who: Owner,
    ) -> Result<Arc<Entry>, Vec<GraphqlError>> {
        if let Some(known) = self.documents.get(text).await {
            known.used(1);
            known.share.asked_by(who);
            return Ok(known);
        }
        // What one caller fills the cache with must not push out all that others ask for.
        if !self.shares.admits(who) {
            let entry = self.parse(text, who)?;
            let share = entry.share.not_kept();
            return Ok(Arc::new(Entry { share, ..entry }));
        }
        // Many subscriptions ask for theirs at once after a reload.
        let parsed = self
            .documents
            .try_get_with_by_ref(text, async { self.parse(text, who).map(Arc::new) });
        parsed
            .await
            .map_err(|errors: Arc<Vec<GraphqlError>>| Arc::unwrap_or_clone(errors))
    }

    fn parse(&self, text: &str, who: Owner) -> Result<Entry, Vec<GraphqlError>> {
        metrics::counter!("graphql_documents_parsed_total").increment(1);
        let document = parse::parse(text, &self.supergraph.schema, &self.config.limits)?;
        let bytes = weight::of_document(text, &document);
        Ok(Entry {
            share: Share::new(&self.shares, who, bytes),
            document: Arc::new(document),
            variants: RwLock::default(),
            hits: AtomicU64::new(1),
        })
    }

    /// Bytes of memory that documents and plans take, as estimated.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.shares.held() + self.plans.weighted_size()
    }

    /// The documents asked most, most first, at most `most`.
    pub(crate) fn most_used(&self, most: usize) -> Vec<Used> {
        let mut all: Vec<_> = self
            .documents
            .iter()
            .map(|(text, entry)| Used {
                text,
                hits: entry.hits.load(Ordering::Relaxed),
                variants: entry.variants.read().values().cloned().collect(),
            })
            .collect();
        all.sort_by_key(|used| std::cmp::Reverse(used.hits));
        all.truncate(most);
        all
    }

    /// The plan of one operation under these conditions and decisions.
    pub(crate) async fn variant(
        &self,
        text: &str,
        entry: &Arc<Entry>,
        operation: usize,
        conditions: Conditions,
        decisions: Decisions,
        deferral: Option<Deferring>,
    ) -> Result<Variant, GraphqlError> {
        let key = VariantKey {
            operation,
            conditions: conditions.0.iter().map(|(_, value)| *value).collect(),
            decisions: decisions.fingerprint(),
            deferral: deferral.clone(),
        };
        if let Some(known) = entry.variants.read().get(&key) {
            return Ok(known.clone());
        }
        let document = Arc::clone(&entry.document);
        let schema = &self.supergraph.schema;
        let prepared = Arc::new(PreparedOperation::new(
            schema, document, operation, conditions, decisions, deferral,
        ));
        let (plan, bytes) = self
            .plan(Arc::clone(&prepared), entry.share.is_kept())
            .await?;
        let operation = without_what_was_planned(prepared);
        let bytes = bytes + weight::of_prepared(&operation);
        let variant = Variant { operation, plan };
        let is_new = {
            let mut variants = entry.variants.write();
            let is_new = variants.len() < MAX_VARIANTS && !variants.contains_key(&key);
            if is_new {
                variants.insert(key, variant.clone());
            }
            is_new
        };
        if is_new {
            entry.share.grow(bytes);
            if entry.share.is_kept() && self.documents.contains_key(text) {
                // Weighs it anew.
                let entry = Arc::clone(entry);
                self.documents.insert(text.to_owned(), entry).await;
            }
        }
        Ok(variant)
    }

    /// Plans on a blocking thread, and tells what the plan weighs; concurrent requests
    /// for the same plan wait for one, if it is to be kept.
    async fn plan(
        &self,
        operation: Arc<PreparedOperation>,
        keep: bool,
    ) -> Result<(Arc<OperationPlan>, usize), GraphqlError> {
        let key = operation.cache_key();
        let length = key.len();
        let supergraph = Arc::clone(&self.supergraph);
        let limit = Duration::from_millis(self.config.timeouts.planning_ms);
        let plan = async move {
            let started = std::time::Instant::now();
            let task = tokio::task::spawn_blocking(move || {
                plan::plan(&supergraph.planner, &supergraph.schema, &operation, limit)
            });
            let plan = task.await.map_err(|_| PlanError::Panicked)?.map(Arc::new);
            metrics::histogram!("graphql_planning_seconds").record(started.elapsed());
            plan
        };
        let planned = async {
            if keep {
                return self.plans.try_get_with(key, plan).await;
            }
            match self.plans.get(&key).await {
                Some(known) => Ok(known),
                None => plan.await.map_err(Arc::new),
            }
        };
        let planned = planned
            .await
            .map(|plan| (Arc::clone(&plan), weight::of_plan(length, &plan)));
        planned.map_err(|error: Arc<PlanError>| {
            tracing::error!(target: "atelier_router::plan", detail = %error, "planning failed");
            match &*error {
                PlanError::Timeout => GraphqlError::new("The operation takes too long to plan.")
                    .with_code(code::OPERATION_TOO_LARGE),
                PlanError::Refused(_) | PlanError::Panicked => {
                    GraphqlError::new("The operation cannot be planned.").with_code(code::INTERNAL)
                }
            }
        })
    }
}

/// Only subscriptions look at it again.
fn without_what_was_planned(operation: Arc<PreparedOperation>) -> Arc<PreparedOperation> {
    if operation.kind == Kind::Subscription {
        return operation;
    }
    match Arc::try_unwrap(operation) {
        Ok(operation) => Arc::new(PreparedOperation {
            to_plan: None,
            ..operation
        }),
        Err(shared) => shared,
    }
}
