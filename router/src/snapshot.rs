//! One supergraph with the clients of its subgraphs and the caches that are
//! only valid for it. Swapped as a whole, so a request never sees two.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use parking_lot::RwLock;

use crate::config::RouterConfig;
use crate::error::{GraphqlError, code};
use crate::operation::authorize::Decisions;
use crate::operation::defer::Deferring;
use crate::operation::document::Conditions;
use crate::operation::{Document, PreparedOperation, parse};
use crate::plan::{self, OperationPlan, PlanError};
use crate::subgraph::SubgraphClient;
use crate::supergraph::Supergraph;

/// Variants of one document kept ready; beyond that they are looked up by text.
const MAX_VARIANTS: usize = 16;
/// A short document still has a tree and a plan.
const MIN_WEIGHT: usize = 1024;

/// Clients by subgraph name.
pub(crate) type Subgraphs = HashMap<Arc<str>, Arc<dyn SubgraphClient>>;

/// See the module.
pub(crate) struct Snapshot {
    pub(crate) supergraph: Arc<Supergraph>,
    pub(crate) subgraphs: Arc<Subgraphs>,
    /// Tells snapshots apart.
    pub(crate) generation: u64,
    documents: Cache<String, Arc<Entry>>,
    plans: Cache<String, Arc<OperationPlan>>,
    pub(crate) config: Arc<RouterConfig>,
}

/// A document and the variants of its operations met so far.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) document: Arc<Document>,
    variants: RwLock<HashMap<VariantKey, Variant>>,
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
            .weigher(|text: &String, _| {
                u32::try_from(text.len().max(MIN_WEIGHT)).unwrap_or(u32::MAX)
            })
            .build();
        let plans = Cache::new(config.cache.plans);
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        Self {
            supergraph,
            subgraphs: Arc::new(subgraphs),
            generation: GENERATIONS.fetch_add(1, Ordering::Relaxed),
            documents,
            plans,
            config,
        }
    }

    /// The document of `text`, parsed and validated at most once.
    pub(crate) async fn document(&self, text: &str) -> Result<Arc<Entry>, Vec<GraphqlError>> {
        if let Some(known) = self.documents.get(text).await {
            known.used(1);
            return Ok(known);
        }
        // Many subscriptions ask for theirs at once after a reload.
        let parsed = self.documents.try_get_with_by_ref(text, async {
            metrics::counter!("graphql_documents_parsed_total").increment(1);
            let document = parse::parse(text, &self.supergraph, &self.config.limits)?;
            Ok(Arc::new(Entry {
                document: Arc::new(document),
                variants: RwLock::default(),
                hits: AtomicU64::new(1),
            }))
        });
        parsed
            .await
            .map_err(|errors: Arc<Vec<GraphqlError>>| Arc::unwrap_or_clone(errors))
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
        entry: &Entry,
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
        let plan = self.plan(Arc::clone(&prepared)).await?;
        let variant = Variant {
            operation: prepared,
            plan,
        };
        let mut variants = entry.variants.write();
        if variants.len() < MAX_VARIANTS {
            variants.insert(key, variant.clone());
        }
        Ok(variant)
    }

    /// Plans on a blocking thread; concurrent requests for the same plan wait for one.
    async fn plan(
        &self,
        operation: Arc<PreparedOperation>,
    ) -> Result<Arc<OperationPlan>, GraphqlError> {
        let key = operation.cache_key();
        let supergraph = Arc::clone(&self.supergraph);
        let limit = Duration::from_millis(self.config.timeouts.planning_ms);
        let planned = self.plans.try_get_with(key, async move {
            let started = std::time::Instant::now();
            let task = tokio::task::spawn_blocking(move || {
                plan::plan(&supergraph.planner, &supergraph.schema, &operation, limit)
            });
            let plan = task.await.map_err(|_| PlanError::Panicked)?.map(Arc::new);
            metrics::histogram!("graphql_planning_seconds").record(started.elapsed());
            plan
        });
        planned.await.map_err(|error: Arc<PlanError>| {
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
