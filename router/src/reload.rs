//! Serving another supergraph without stopping: when its file changes, when
//! told to, or when a subgraph's own schema changes.

mod meaning;
mod poll;
mod warm;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::poll::Polls;
use crate::config::Reload;
use crate::identity::IdentifyError;
use crate::router::{BuildError, Router};
use crate::supergraph::{Supergraph, SupergraphError};

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
    /// The router cannot say to subgraphs who it is.
    #[error("the router has no identity: {0}")]
    Identity(#[from] IdentifyError),
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
    polls: Polls,
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
            polls: Polls::default(),
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
            // What subgraphs tell is compared with the new one.
            self.polls = Polls::default();
        }
        tell(&reloaded);
    }

    async fn poll(&mut self) {
        if let Some(reloaded) = self.polls.poll(&self.router).await {
            tell(&reloaded);
        }
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

#[cfg(test)]
mod tests {
    use atelier_composition::SubgraphSdl;

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
