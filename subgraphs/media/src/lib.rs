//! Files of creator communities: uploads straight to the object store, assets, derivatives.
//!
//! Owns the entities `Asset` and `Upload`, the PostgreSQL schema `media` (`upload` and its ledger
//! `upload_part`, `asset`, the shared bytes `blob` with their `derivative`s, and `doomed_object`:
//! what is to be removed from the store) and the events `asset.*` and `upload.*`.
//!
//! Bytes never pass through this process when it serves the schema: clients send them by signed
//! requests, and read them by signed URLs. Only the tasks of [`handlers`] read whole files, and
//! what reads pictures is a process of its own ([`run_picture_worker`]).
//!
//! The way of a file: `uploadCreate` reserves quota at accounts and plans how to send;
//! `uploadComplete` judges what arrived by the store's word, makes the asset and asks for
//! `media.derive_images` (or `media.verify_content`) in one transaction; the task makes the asset
//! ready. What is told to accounts and removed from the store is noted in the same transactions and
//! done afterwards, by the sweep until it has worked.

mod app;
mod config;
mod db;
mod error;
mod graphql;
mod jobs;
mod picture;
mod sniff;
mod tables;
mod worker;

use std::sync::Arc;

use atelier_kit::{Deps, Subgraph, id::Id, jobs::Handler};
use atelier_storage::Storage;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

pub use app::sweep::Swept;
pub use config::{ImageLimits, MediaConfig, PictureWorker};
pub use error::MediaErrorCode;
pub use jobs::QUEUE;
pub use worker::run as run_picture_worker;

/// The domain's name, which is also its PostgreSQL schema.
pub const NAME: &str = "media";

/// The domain's tables.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/media");

atelier_kit::entity!(
    /// The sending of a file.
    pub Upload, "upl"
);
atelier_kit::entity!(
    /// Stored bytes; only inside this domain.
    pub Blob, "blb"
);

type UploadId = Id<Upload>;
type BlobId = Id<Blob>;

/// The domain, ready to be served.
pub fn subgraph(deps: Deps, storage: Storage, config: MediaConfig) -> Subgraph {
    let media = app::Media {
        deps: deps.clone(),
        storage,
        config: Arc::new(config),
    };
    let swept = media.clone();
    Subgraph {
        name: NAME,
        deps,
        service: graphql::service(&media),
        routes: axum::Router::new(),
        consumers: Vec::new(),
        handlers: jobs::all(&media),
        background: vec![Box::new(move |stop| Box::pin(app::sweep::run(swept, stop)))],
    }
}

/// The domain's background tasks, for a worker that does not serve the schema.
pub fn handlers(deps: Deps, storage: Storage, config: MediaConfig) -> Vec<Arc<dyn Handler>> {
    jobs::all(&app::Media {
        deps,
        storage,
        config: Arc::new(config),
    })
}

/// Does once what the background sweep does regularly: for operators and tests.
///
/// # Errors
/// `UNAVAILABLE` if the database, `STORAGE_FAILED` if the store does not answer.
pub async fn sweep(
    deps: Deps,
    storage: Storage,
    config: MediaConfig,
) -> Result<Swept, atelier_kit::error::Error> {
    let media = app::Media {
        deps,
        storage,
        config: Arc::new(config),
    };
    app::sweep::sweep(&media, true).await
}
