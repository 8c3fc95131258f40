//! Serving another supergraph without stopping: when its file changes, when
//! told to, or when a subgraph's own schema changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atelier_composition::SubgraphSdl;
use futures::future::join_all;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Reload;
use crate::identity::Caller;
use crate::operation::{Kind, PreparedOperation};
use crate::router::{BuildError, Router};
use crate::snapshot::{Entry, Snapshot};
use crate::subgraph::{RequestContext, SubgraphOperation, SubgraphRequest};
use crate::supergraph::{Supergraph, SupergraphError};

const SDL: &str = "{ _service { sdl } }";

/// Why a new supergraph is not served; the old one stays.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// It is not a supergraph.
    #[error(transparent)]
    Supergraph(#[from] SupergraphError),
    /// A subgraph of it cannot be reached in any way.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The subgraphs do not fit together.
    #[error("the subgraphs do not compose: {0}")]
    Composition(String),
    /// Reading the supergraph panicked.
    #[error("the supergraph could not be read")]
    Panicked,
}

impl Router {
    /// Like [`Router::reload`], but what the old supergraph was asked most is
    /// planned for the new one first (`reload.warm_operations`, for at most
    /// `reload.warm_ms`). Takes the text of the supergraph.
    ///
    /// # Errors
    /// When it is no supergraph or a subgraph of it cannot be reached; the old one stays.
    pub async fn reload_warm(&self, sdl: String) -> Result<(), ReloadError> {
        // Reading a supergraph takes long enough to be in the way of others.
        let parsed = tokio::task::spawn_blocking(move || Supergraph::parse(&sdl)).await;
        let supergraph = parsed.map_err(|_| ReloadError::Panicked)??;
        let old = self.snapshot();
        let new = self.next_snapshot(supergraph)?;
        let config = &self.config().reload;
        let limit = Duration::from_millis(config.warm_ms);
        let warming = async {
            // Subscriptions wait for their new plans.
            new.prepare(self.followed()).await;
            new.warm(&old, config.warm_operations).await;
        };
        let _ = tokio::time::timeout(limit, warming).await;
        self.swap(new);
        Ok(())
    }
}

/// Keeps a router's supergraph up to date. Every reload goes through its one
/// task, one after the other.
#[derive(Debug)]
pub struct Reloader {
    router: Router,
    file: Option<PathBuf>,
    now: Arc<Notify>,
    /// What the file held when it was last looked at.
    seen: Option<String>,
    /// The file could not be read; that was told.
    unreadable: bool,
    /// What subgraphs told of themselves.
    sdls: HashMap<String, String>,
}

impl Reloader {
    /// Keeps `router` up to date with `file`, if there is one, which it serves
    /// already.
    pub fn new(router: Router, file: Option<PathBuf>) -> Self {
        Self {
            seen: Some(router.supergraph().sdl().to_owned()),
            router,
            file,
            now: Arc::default(),
            unreadable: false,
            sdls: HashMap::new(),
        }
    }

    /// Makes the reloader look at once, and read the file even if it was refused before.
    pub fn trigger(&self) -> Arc<Notify> {
        Arc::clone(&self.now)
    }

    /// Looks as often as `[reload]` says, until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        let Reload {
            watch_s,
            poll_subgraphs_s,
            ..
        } = self.router.config().reload;
        let every = |seconds: u64| {
            let mut ticks = tokio::time::interval(Duration::from_secs(seconds.max(1)));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            ticks
        };
        let (mut looks, mut polls) = (every(watch_s), every(poll_subgraphs_s));
        let now = Arc::clone(&self.now);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = now.notified() => {
                    self.seen = None;
                    self.look().await;
                    if poll_subgraphs_s > 0 {
                        self.poll().await;
                    }
                }
                _ = looks.tick(), if watch_s > 0 => self.look().await,
                _ = polls.tick(), if poll_subgraphs_s > 0 => self.poll().await,
            }
        }
    }

    async fn look(&mut self) {
        let Some(path) = self.file.clone() else {
            return;
        };
        let sdl = match read(&path).await {
            Ok(sdl) => sdl,
            // Somebody may be about to replace it.
            Err(error) => {
                if !std::mem::replace(&mut self.unreadable, true) {
                    tell(&Err(error));
                }
                return;
            }
        };
        self.unreadable = false;
        if self.seen.as_ref() == Some(&sdl) {
            return;
        }
        self.seen = Some(sdl.clone());
        let reloaded = self.router.reload_warm(sdl).await;
        if reloaded.is_ok() {
            // What subgraphs say is compared with what they say from now on.
            self.sdls.clear();
        }
        tell(&reloaded);
    }

    async fn poll(&mut self) {
        let supergraph = self.router.supergraph();
        let asked = supergraph.subgraphs().iter().map(|subgraph| async {
            let sdl = self.sdl(&subgraph.name).await?;
            Some((subgraph.name.clone(), sdl))
        });
        let told: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
        let mut changed = false;
        for (name, sdl) in told {
            let known = self.sdls.insert(name, sdl.clone());
            changed |= known.is_some_and(|known| known != sdl);
        }
        if changed {
            let reloaded = self.recompose(&supergraph).await;
            tell(&reloaded);
        }
    }

    /// What a subgraph says its schema is; nothing when it does not answer.
    async fn sdl(&self, name: &str) -> Option<String> {
        let client = self.router.subgraph(name)?;
        let context = RequestContext::new("reload", Arc::new(Caller::default()));
        let request = SubgraphRequest {
            operation: Arc::new(SubgraphOperation::new(SDL.to_owned(), Kind::Query)),
            variables: bytes::Bytes::from_static(b"{}"),
            context: Arc::new(context),
        };
        let answer = client.execute(request).await;
        let told = answer.and_then(|answer| answer.into_json());
        match told {
            Ok(told) => told["data"]["_service"]["sdl"].as_str().map(str::to_owned),
            Err(error) => {
                tracing::warn!(target: "atelier_router", subgraph = name, detail = %error, "a subgraph does not tell its schema");
                None
            }
        }
    }

    async fn recompose(&self, supergraph: &Supergraph) -> Result<(), ReloadError> {
        let mut parts = Vec::new();
        for subgraph in supergraph.subgraphs() {
            let Some(sdl) = self.sdls.get(&subgraph.name) else {
                let what = format!("{} has not told its schema", subgraph.name);
                return Err(ReloadError::Composition(what));
            };
            parts.push(SubgraphSdl::new(&subgraph.name, &subgraph.url, sdl));
        }
        let composed =
            tokio::task::spawn_blocking(move || atelier_composition::compose(&parts)).await;
        let composed = composed
            .map_err(|_| ReloadError::Panicked)?
            .map_err(|errors| ReloadError::Composition(errors.to_string()))?;
        if composed.supergraph_sdl == supergraph.sdl() {
            return Ok(());
        }
        self.router.reload_warm(composed.supergraph_sdl).await
    }
}

async fn read(path: &Path) -> Result<String, ReloadError> {
    let read = tokio::fs::read_to_string(path).await;
    read.map_err(|error| ReloadError::File {
        path: path.to_owned(),
        error,
    })
}

fn tell(reloaded: &Result<(), ReloadError>) {
    let outcome = match reloaded {
        Ok(()) => "reloaded",
        Err(error) => {
            tracing::error!(target: "atelier_router", detail = %error, "the new supergraph is refused; the old one stays");
            "refused"
        }
    };
    metrics::counter!("graphql_reloads_total", "outcome" => outcome).increment(1);
}

impl Snapshot {
    /// Parses and plans what `old` was asked most.
    async fn warm(&self, old: &Snapshot, most: usize) {
        for used in old.most_used(most) {
            // What the new schema refuses its clients will hear when they ask.
            let Ok(entry) = self.document(&used.text).await else {
                continue;
            };
            entry.used(used.hits / 2);
            for variant in used.variants {
                self.again(&entry, &variant.operation).await;
            }
        }
    }

    /// Parses and plans operations of subscriptions.
    async fn prepare(&self, operations: Vec<Arc<PreparedOperation>>) {
        for operation in operations {
            let Some(text) = &operation.document.text else {
                continue;
            };
            if let Ok(entry) = self.document(text).await {
                self.again(&entry, &operation).await;
            }
        }
    }

    /// Plans what an older snapshot has planned.
    async fn again(&self, entry: &Entry, operation: &PreparedOperation) {
        if operation.index >= entry.document.operations.len() {
            return;
        }
        let _ = self
            .variant(
                entry,
                operation.index,
                operation.conditions.clone(),
                operation.decisions.clone(),
                operation.deferral.clone(),
            )
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::ClientRequest;

    fn sdl(types: &str) -> String {
        let part = SubgraphSdl::new("a", "http://127.0.0.1:1/", types);
        atelier_composition::compose(&[part])
            .unwrap()
            .supergraph_sdl
    }

    #[tokio::test]
    async fn what_was_asked_most_is_planned_before_it_is_served() {
        let supergraph = Supergraph::parse(&sdl("type Query { a: Int b: Int c: Int }")).unwrap();
        let mut config = crate::RouterConfig::default();
        config.reload.warm_operations = 2;
        let router = Router::builder(supergraph).config(config).build().unwrap();
        for (text, times) in [("{ a }", 1), ("{ b }", 3), ("{ c }", 2)] {
            for _ in 0..times {
                router.execute(ClientRequest::new(text)).await;
            }
        }
        let wider = sdl("type Query { a: Int b: Int d: Int }");
        router.reload_warm(wider).await.unwrap();
        let known = router.snapshot().most_used(10);
        let known: Vec<_> = known
            .iter()
            .map(|used| (used.text.as_str(), used.variants.len()))
            .collect();
        // `c` is gone, and `a` was asked less than two others.
        assert_eq!(known, [("{ b }", 1)]);
    }

    #[tokio::test]
    async fn a_text_that_is_no_supergraph_changes_nothing() {
        let served = sdl("type Query { a: Int }");
        let supergraph = Supergraph::parse(&served).unwrap();
        let router = Router::builder(supergraph).build().unwrap();
        for text in ["type Query {", "type Query { a: Int }", ""] {
            assert!(router.reload_warm(text.to_owned()).await.is_err(), "{text}");
        }
        assert_eq!(router.supergraph().sdl(), served);
    }
}
