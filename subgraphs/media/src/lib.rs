//! Files of creator communities: uploads straight to the object store, assets, derivatives.
//!
//! Owns the entities `Asset` and `Upload`, the PostgreSQL schema `media` (`upload` and its ledger
//! `upload_part`, `asset`, the shared bytes `blob` with their `derivative`s, `object_removal`: what is to
//! be removed from the store, `deleted_user`: whose things are to be removed, `asset_audience`: to whom
//! assets are shown, `group_member` and `deleted_group`: who that is) and the facts of
//! [`atelier_contracts::media`].
//!
//! Bytes never pass through this process when it serves the schema: clients send them by signed
//! requests, and read them by signed URLs. What everybody may see has addresses that stay the same,
//! `/media/public/…`, which a CDN can keep. Only the tasks of [`handlers`] read whole files, and
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
mod kinds;
mod picture;
mod routes;
mod sniff;
mod tables;
mod worker;

use std::{sync::Arc, time::Duration};

use atelier_contracts::{accounts::UserDeleted, audience::GroupFact};
use atelier_kit::{Deps, Subgraph, error::Error, jobs::Handler};
use atelier_storage::Storage;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use app::{Media, deleted_user::ForgetUser, group::KeepGroups, object_removal, sweep};

pub use app::{blob::QUEUE, sweep::Swept};
pub use atelier_contracts::media::{Asset, Upload};
pub use config::{ImageLimits, MediaConfig, PictureWorker};
pub use error::MediaErrorCode;
pub use worker::run as run_picture_worker;

/// The domain's name, which is also its PostgreSQL schema.
pub const NAME: &str = "media";

/// The domain's tables.
pub static MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/media");

/// How often multipart uploads without a row are looked for: the store lists all that are under way.
const ORPHANS_EVERY: Duration = Duration::from_secs(3600);

atelier_kit::entity!(
    /// Stored bytes; only inside this domain.
    pub Blob, "blb"
);

/// The domain, ready to be served.
pub fn subgraph(deps: Deps, storage: Storage, config: MediaConfig) -> Subgraph {
    let media = media(deps, storage, config);
    let (swept, orphaned) = (media.clone(), media.clone());
    Subgraph::new(NAME, media.deps.clone(), graphql::service(&media))
        .routes(routes::routes(media.clone()))
        .on::<UserDeleted>("forget_user", ForgetUser(media.clone()))
        .on::<GroupFact>("keep_groups", KeepGroups(media.clone()))
        .every(media.config.sweep_every, "sweep", move || {
            let media = swept.clone();
            async move { sweep::sweep(&media).await.map(drop) }
        })
        .every(ORPHANS_EVERY, "abort_orphans", move || {
            let media = orphaned.clone();
            async move { object_removal::abort_orphans(&media).await.map(drop) }
        })
}

/// The domain's background tasks, for a worker that does not serve the schema.
pub fn handlers(deps: Deps, storage: Storage, config: MediaConfig) -> Vec<Arc<dyn Handler>> {
    jobs::all(&media(deps, storage, config))
}

/// Does once what runs in the background regularly: for operators and tests.
///
/// # Errors
/// `UNAVAILABLE` if the database, `STORAGE_FAILED` if the store does not answer.
pub async fn sweep(deps: Deps, storage: Storage, config: MediaConfig) -> Result<Swept, Error> {
    let media = media(deps, storage, config);
    let mut swept = sweep::sweep(&media).await?;
    swept.removed += object_removal::abort_orphans(&media).await?;
    Ok(swept)
}

fn media(deps: Deps, storage: Storage, config: MediaConfig) -> Media {
    Media {
        deps,
        storage,
        config: Arc::new(config),
    }
}
