//! A domain with surroundings of its own, and clients of it.

mod accounts;
mod tasks;
mod uploads;

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Request, Variables};
use atelier_kit::{
    Subgraph,
    actor::Actor,
    delivery::Relay,
    error::Error,
    event::{Event, Fact},
    graphql::Service,
    id::{Id, Task},
    peers::Peers,
};
use atelier_media::{ImageLimits, MIGRATIONS, MediaConfig, NAME, PictureWorker, Swept};
use atelier_storage::{Storage, StorageConfig};
use atelier_testing::{TestDeps, deps_with, test_servers};
use diesel::{QueryableByName, sql_types};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub use accounts::Accounts;
pub use tasks::{OnStep, Ran};
pub use uploads::{noise, sha256, stored_at};

/// The smallest part that the store takes.
pub const PART: usize = 5 * 1024 * 1024;

pub struct World {
    pub test: TestDeps,
    pub subgraph: Subgraph,
    pub storage: Storage,
    pub config: MediaConfig,
    pub accounts: Arc<Accounts>,
    pub http: reqwest::Client,
    done: Mutex<HashSet<Id<Task>>>,
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
    let subgraph = atelier_media::subgraph(test.deps.clone(), storage.clone(), config.clone());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    World {
        test,
        subgraph,
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
    /// The answer to an operation, with its errors.
    pub async fn answer(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let request = Request::new(operation)
            .variables(Variables::from_json(variables))
            .data(Arc::new(actor.clone()));
        serde_json::to_value(Service::execute(&self.subgraph.service, request).await).unwrap()
    }

    /// The data of an operation that must not have errors.
    pub async fn ask(&self, actor: &Actor, operation: &str, variables: Value) -> Value {
        let mut answer = self.answer(actor, operation, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"].take()
    }

    /// The payload of a mutation with one input, with some fields.
    pub async fn mutate(&self, actor: &Actor, name: &str, fields: &str, input: Value) -> Value {
        let kind = format!("{}{}Input", name[..1].to_uppercase(), &name[1..]);
        let errors = "userErrors { code path message params }";
        let operation = format!(
            "mutation($input: {kind}!) {{ {name}(input: $input) {{ {fields} {errors} }} }}"
        );
        self.ask(actor, &operation, json!({ "input": input })).await[name].take()
    }

    /// The codes of a refused mutation.
    pub async fn refused(&self, actor: &Actor, name: &str, input: Value) -> Vec<String> {
        let payload = self.mutate(actor, name, "", input).await;
        codes(&payload)
    }

    /// From now on this world's domain works with another store.
    pub fn set_storage(&mut self, storage: Storage) {
        self.subgraph =
            atelier_media::subgraph(self.test.deps.clone(), storage, self.config.clone());
    }

    pub async fn sweep(&self) -> Swept {
        atelier_media::sweep(
            self.test.deps.clone(),
            self.storage.clone(),
            self.config.clone(),
        )
        .await
        .unwrap()
    }

    /// Publishes what is in the outbox.
    pub async fn publish(&self) {
        Relay::new(self.test.deps.clone()).drain().await.unwrap();
    }

    /// A number that the database counts.
    pub async fn count(&self, from: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = sql_types::BigInt)]
            count: i64,
        }
        let mut connection = self.test.deps.read().await.unwrap();
        let counted: Count = diesel::sql_query(format!("SELECT count(*) AS count FROM {from}"))
            .get_result(&mut connection)
            .await
            .unwrap();
        counted.count
    }

    /// The keys of every blob and derivative.
    pub async fn objects(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Key {
            #[diesel(sql_type = sql_types::Text)]
            storage_key: String,
        }
        let mut connection = self.test.deps.read().await.unwrap();
        let statement =
            "SELECT storage_key FROM media.blob UNION ALL SELECT storage_key FROM media.derivative";
        let keys: Vec<Key> = diesel::sql_query(statement)
            .load(&mut connection)
            .await
            .unwrap();
        keys.into_iter().map(|key| key.storage_key).collect()
    }

    /// Hands a fact of another domain to the consumer called `name`, as if it had just come.
    pub async fn hear<F: Fact>(&self, name: &str, fact: &F) -> Result<(), Error> {
        let deps = &self.test.deps;
        let event = Event {
            id: deps.new_uuid(),
            domain: F::DOMAIN.unwrap().to_owned(),
            topic: fact.topic().to_owned(),
            key: fact.key(),
            concerns: fact.concerns(),
            payload: fact.payload().unwrap(),
            trace: None,
            occurred_at: deps.clock.now(),
        };
        let mut consumers = self.subgraph.consumers().iter();
        let consumer = consumers.find(|consumer| consumer.name() == name).unwrap();
        consumer.handle(deps, vec![event]).await
    }
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
