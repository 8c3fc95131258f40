//! A domain with surroundings of its own, and clients of it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_graphql::{Request, Variables};
use async_trait::async_trait;
use atelier_kit::{
    Subgraph,
    actor::Actor,
    error::{Error, ErrorCode},
    event::Relay,
    graphql::Service,
    id::{Id, Task, User},
    jobs::{Handler, NewTask, Running, TASK_REQUESTED, TaskFailure},
    peers::Peers,
};
use atelier_media::{ImageLimits, MIGRATIONS, MediaConfig, NAME, PictureWorker, Swept};
use atelier_storage::{Storage, StorageConfig};
use atelier_testing::{TestDeps, deps_with, test_servers};
use diesel::{QueryableByName, sql_types};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

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

/// Accounts, as far as this domain knows it: a ledger of reservations.
#[derive(Default)]
pub struct Accounts {
    ledger: std::sync::Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    reservations: BTreeMap<String, (i64, &'static str)>,
    limit: Option<i64>,
    down: bool,
}

impl Accounts {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// No more than this many bytes are given.
    pub fn limit(&self, bytes: i64) {
        self.ledger().limit = Some(bytes);
    }

    /// Answers no calls, or does again.
    pub fn set_down(&self, down: bool) {
        self.ledger().down = down;
    }

    /// How an upload's reservation stands; `None` if there is none.
    pub fn state_of(&self, upload: &str) -> Option<&'static str> {
        self.ledger()
            .reservations
            .get(upload)
            .map(|(_, state)| *state)
    }

    /// How many bytes are reserved or used.
    pub fn taken(&self) -> i64 {
        self.ledger().taken()
    }
}

impl Ledger {
    fn taken(&self) -> i64 {
        self.reservations
            .values()
            .filter(|(_, state)| *state != "released")
            .map(|(bytes, _)| bytes)
            .sum()
    }

    fn answer(&mut self, field: &str, input: &Value) -> Option<&'static str> {
        let key = input["key"].as_str().unwrap().to_owned();
        match (field, self.reservations.get_mut(&key)) {
            ("quotaReserve", Some(_)) => None,
            ("quotaReserve", None) => {
                assert_eq!(input["meter"], "STORAGE_BYTES");
                assert!(input["userId"].as_str().unwrap().starts_with("usr_"));
                let bytes = input["amount"].as_i64().unwrap();
                if self.limit.is_some_and(|limit| self.taken() + bytes > limit) {
                    return Some("QUOTA_EXCEEDED");
                }
                self.reservations.insert(key, (bytes, "reserved"));
                None
            }
            (_, None) => Some("NOT_FOUND"),
            ("quotaCommit", Some((_, "released"))) => Some("RESERVATION_CLOSED"),
            ("quotaCommit", Some((_, state))) => {
                *state = "committed";
                None
            }
            ("quotaRelease", Some((_, state))) => {
                *state = "released";
                None
            }
            (other, _) => panic!("accounts has no {other}"),
        }
    }
}

#[async_trait]
impl Peers for Accounts {
    async fn call(
        &self,
        domain: &str,
        actor: Actor,
        operation: &'static str,
        variables: Value,
    ) -> Result<Value, Error> {
        assert_eq!((domain, actor), ("accounts", Actor::service("media")));
        let mut ledger = self.ledger();
        if ledger.down {
            return Err(Error::new(ErrorCode::Unavailable));
        }
        let field = ["quotaReserve", "quotaCommit", "quotaRelease"]
            .into_iter()
            .find(|field| operation.contains(&format!("{field}(")))
            .unwrap();
        let errors: Vec<Value> = ledger
            .answer(field, &variables["input"])
            .map(|code| json!({ "code": code }))
            .into_iter()
            .collect();
        Ok(json!({ field: { "userErrors": errors } }))
    }
}

/// A task at work, without an engine.
pub struct Work {
    task: NewTask,
    pub steps: std::sync::Mutex<Vec<(f64, String)>>,
    stop: CancellationToken,
    /// What happens when a step begins.
    on_step: OnStep,
}

/// What happens when a step begins: it hears the step, and may stop the task.
pub type OnStep = Box<dyn Fn(&str, &CancellationToken) + Send + Sync>;

#[async_trait]
impl Running for Work {
    fn id(&self) -> Id<Task> {
        self.task.id
    }
    fn payload(&self) -> &Value {
        &self.task.payload
    }
    fn owner(&self) -> Option<Id<User>> {
        self.task.owner
    }
    fn attempt(&self) -> i16 {
        1
    }
    fn progress(&self, progress: f64, step: Option<&str>) {
        self.steps
            .lock()
            .unwrap()
            .push((progress, step.unwrap_or_default().to_owned()));
        (self.on_step)(step.unwrap_or_default(), &self.stop);
    }
    fn log(&self, _: String) {}
    async fn stopped(&self) {
        self.stop.cancelled().await;
    }
    fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }
}

/// What came of a task.
pub struct Ran {
    pub task: NewTask,
    pub work: Arc<Work>,
    pub outcome: Result<Value, TaskFailure>,
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

#[derive(QueryableByName)]
struct Payload {
    #[diesel(sql_type = sql_types::Jsonb)]
    payload: Value,
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

    /// Creates an upload and gives it.
    pub async fn create(&self, actor: &Actor, input: Value) -> Value {
        let fields = "upload { id status strategy partSize partCount put { method url headers { name value } expiresAt } \
                      challenge { nonce ranges { offset length } } expiresAt }";
        let mut payload = self.mutate(actor, "uploadCreate", fields, input).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["upload"].take()
    }

    /// Sends bytes with a signed request, and gives the status.
    pub async fn send(&self, request: &Value, bytes: impl Into<reqwest::Body>) -> u16 {
        let method = request["method"].as_str().unwrap().parse().unwrap();
        let mut sent = self
            .http
            .request(method, request["url"].as_str().unwrap())
            .body(bytes);
        for header in request["headers"].as_array().unwrap() {
            let name = header["name"].as_str().unwrap();
            if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("host") {
                sent = sent.header(name, header["value"].as_str().unwrap());
            }
        }
        sent.send().await.unwrap().status().as_u16()
    }

    /// Uploads a file in one piece and gives the payload of its completion.
    pub async fn upload(
        &self,
        actor: &Actor,
        filename: &str,
        content_type: &str,
        bytes: &[u8],
    ) -> Value {
        let input =
            json!({ "filename": filename, "contentType": content_type, "byteSize": bytes.len() });
        let upload = self.create(actor, input).await;
        assert_eq!(self.send(&upload["put"], bytes.to_vec()).await, 200);
        self.complete(actor, &upload["id"]).await
    }

    /// Completes an upload and gives the payload.
    pub async fn complete(&self, actor: &Actor, upload: &Value) -> Value {
        self.mutate(
            actor,
            "uploadComplete",
            "upload { id status } asset { id status filename sha256 } task { id }",
            json!({ "uploadId": upload }),
        )
        .await
    }

    /// The tasks that were asked for and have not been run by [`World::work`].
    pub async fn tasks(&self) -> Vec<NewTask> {
        let mut connection = self.test.deps.db.read().await.unwrap();
        let rows: Vec<Payload> =
            diesel::sql_query("SELECT payload FROM media.outbox WHERE topic = $1 ORDER BY id")
                .bind::<sql_types::Text, _>(TASK_REQUESTED)
                .load(&mut connection)
                .await
                .unwrap();
        let done = self.done.lock().await;
        rows.into_iter()
            .map(|row| serde_json::from_value::<NewTask>(row.payload).unwrap())
            .filter(|task| !done.contains(&task.id))
            .collect()
    }

    /// From now on this world's domain works with another store.
    pub fn set_storage(&mut self, storage: Storage) {
        self.subgraph =
            atelier_media::subgraph(self.test.deps.clone(), storage, self.config.clone());
    }

    /// A request for the only part of an upload that was signed for another length.
    pub async fn sign_length(&self, upload: &Value, length: usize) -> Value {
        let key = stored_at(&upload["id"]);
        let pending = self.storage.list_multiparts(&key).await.unwrap();
        let signed = self
            .storage
            .presign_upload_part(
                &key,
                &pending[0].upload_id,
                1,
                length as u64,
                None,
                std::time::Duration::from_secs(60),
            )
            .await
            .unwrap();
        let headers: Vec<_> = signed
            .headers
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
        json!({ "method": signed.method, "url": signed.url, "headers": headers })
    }

    /// Runs every task that was asked for.
    pub async fn work(&self) -> Vec<Ran> {
        let mut ran = Vec::new();
        for task in self.tasks().await {
            self.done.lock().await.insert(task.id);
            ran.push(self.run(task, false).await);
        }
        ran
    }

    /// Runs a task, as somebody who was told to stop or not.
    pub async fn run(&self, task: NewTask, stopped: bool) -> Ran {
        let stop = CancellationToken::new();
        if stopped {
            stop.cancel();
        }
        self.run_watched(task, stop, Box::new(|_, _| {})).await
    }

    /// Runs a task and watches its steps.
    pub async fn run_watched(
        &self,
        task: NewTask,
        stop: CancellationToken,
        on_step: OnStep,
    ) -> Ran {
        let handlers = atelier_media::handlers(
            self.test.deps.clone(),
            self.storage.clone(),
            self.config.clone(),
        );
        let handler: &Arc<dyn Handler> = handlers
            .iter()
            .find(|handler| handler.task_type() == task.task_type && handler.queue() == task.queue)
            .unwrap();
        let work = Arc::new(Work {
            task: task.clone(),
            steps: std::sync::Mutex::default(),
            stop,
            on_step,
        });
        let outcome = handler.run(Arc::clone(&work) as Arc<dyn Running>).await;
        Ran {
            task,
            work,
            outcome,
        }
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
        let mut connection = self.test.deps.db.read().await.unwrap();
        let counted: Count = diesel::sql_query(format!("SELECT count(*) AS count FROM {from}"))
            .get_result(&mut connection)
            .await
            .unwrap();
        counted.count
    }

    /// The bytes and content disposition under a URL, with the status.
    pub async fn fetch(&self, url: &Value) -> (u16, String, Vec<u8>) {
        let answer = self.http.get(url.as_str().unwrap()).send().await.unwrap();
        let disposition = answer
            .headers()
            .get("content-disposition")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default();
        (
            answer.status().as_u16(),
            disposition,
            answer.bytes().await.unwrap().to_vec(),
        )
    }
}

/// Where in the store an upload's bytes are kept.
pub fn stored_at(upload: &Value) -> String {
    let id: Id<atelier_media::Upload> = upload.as_str().unwrap().parse().unwrap();
    format!("blobs/{}", id.uuid().simple())
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

/// The SHA-256 of bytes in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// Bytes that look like no format, the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    })
    .take(length)
    .collect();
    // Neither text nor any signature.
    bytes[..4].copy_from_slice(&[0, 1, 2, 0xfe]);
    bytes
}

impl World {
    /// The keys of every blob and derivative.
    pub async fn objects(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Key {
            #[diesel(sql_type = sql_types::Text)]
            storage_key: String,
        }
        let mut connection = self.test.deps.db.read().await.unwrap();
        let statement =
            "SELECT storage_key FROM media.blob UNION ALL SELECT storage_key FROM media.derivative";
        let keys: Vec<Key> = diesel::sql_query(statement)
            .load(&mut connection)
            .await
            .unwrap();
        keys.into_iter().map(|key| key.storage_key).collect()
    }
}
