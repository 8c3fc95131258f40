//! A domain with surroundings of its own, and clients of it.

mod accounts;
mod audiences;
mod tasks;
mod uploads;

use std::{
    collections::HashSet,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use atelier_kit::{
    actor::Actor,
    id::{Id, Task},
    peers::Peers,
};
use atelier_media::{ImageLimits, MIGRATIONS, MediaConfig, NAME, PictureWorker, Swept};
use atelier_storage::{Storage, StorageConfig};
use atelier_testing::{Harness, deps_with, payload, test_servers};
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use accounts::Accounts;
pub use audiences::{DOMAIN, membership};
pub use tasks::{OnStep, Ran};
pub use uploads::{noise, sha256, stored_at};

/// The smallest part that the store takes.
pub const PART: usize = 5 * 1024 * 1024;

/// The domain with a store and a ledger of its own.
pub struct World {
    harness: Harness,
    pub storage: Storage,
    pub config: MediaConfig,
    pub accounts: Arc<Accounts>,
    pub http: reqwest::Client,
    done: Mutex<HashSet<Id<Task>>>,
}

impl Deref for World {
    type Target = Harness;

    fn deref(&self) -> &Harness {
        &self.harness
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Harness {
        &mut self.harness
    }
}

pub fn config() -> MediaConfig {
    MediaConfig {
        multipart_threshold: PART as u64,
        min_part_size: PART as u64,
        images: ImageLimits {
            avif_speed: 10,
            worker: PictureWorker {
                program: env!("CARGO_BIN_EXE_atelier-picture-worker").into(),
                arguments: Vec::new(),
            },
            ..ImageLimits::default()
        },
        ..MediaConfig::default()
    }
}

pub async fn world() -> World {
    world_with(config()).await
}

pub async fn world_with(config: MediaConfig) -> World {
    let accounts = Arc::new(Accounts::default());
    let test = deps_with(NAME, &MIGRATIONS, Arc::clone(&accounts) as Arc<dyn Peers>).await;
    let servers = test_servers().await;
    let storage = Storage::new(&StorageConfig {
        endpoint: servers.s3_endpoint.clone(),
        public_endpoint: servers.s3_endpoint.clone(),
        region: servers.s3_region.clone(),
        bucket: test.database.name().replace('_', "-"),
        access_key: servers.s3_access_key.clone(),
        secret_key: servers.s3_secret_key.clone(),
        path_style: true,
    })
    .unwrap();
    storage.ensure_bucket().await.unwrap();
    let (store, set) = (storage.clone(), config.clone());
    let harness = Harness::new(test, |deps| atelier_media::subgraph(deps, store, set));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    World {
        harness,
        storage,
        config,
        accounts,
        http,
        done: Mutex::default(),
    }
}

/// Somebody who is signed in.
pub fn somebody(world: &World) -> Actor {
    Actor::user(world.test.deps.new_id(), &[])
}

impl World {
    /// The payload of a mutation with one input, with some fields.
    pub async fn mutate(&self, actor: &Actor, name: &str, fields: &str, input: Value) -> Value {
        let operation = mutation(name, fields);
        payload(
            self.data(actor, &operation, json!({ "input": input }))
                .await,
        )
    }

    /// The codes with which a mutation with one input was refused.
    pub async fn mutation_refused(&self, actor: &Actor, name: &str, input: Value) -> Vec<String> {
        let operation = mutation(name, "");
        self.refused(actor, &operation, json!({ "input": input }))
            .await
    }

    /// From now on this world's domain works with another store.
    pub fn set_storage(&mut self, storage: Storage) {
        self.subgraph = atelier_media::subgraph(self.deps().clone(), storage, self.config.clone());
    }

    pub async fn sweep(&self) -> Swept {
        atelier_media::sweep(
            self.deps().clone(),
            self.storage.clone(),
            self.config.clone(),
        )
        .await
        .unwrap()
    }

    /// The keys of every blob and derivative.
    pub async fn objects(&self) -> Vec<String> {
        let all = "(SELECT storage_key FROM media.blob UNION ALL SELECT storage_key FROM media.derivative) AS object";
        self.database().texts("storage_key", all).await
    }
}

/// A mutation with one input.
fn mutation(name: &str, fields: &str) -> String {
    let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
    let errors = "userErrors { code path message params }";
    format!("mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} {errors} }} }}")
}

/// The codes of a payload's user errors.
pub fn codes(payload: &Value) -> Vec<String> {
    payload["userErrors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["code"].as_str().unwrap().to_owned())
        .collect()
}
