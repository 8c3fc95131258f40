//! A real primary and its standby: one takes over from the other under load, first in order, then
//! because the other died.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use atelier_kit::{
    Deps,
    db::{Connection, Database, DatabaseConfig},
    error::ErrorCode,
    id::{Id, Task},
    jobs::{Handler, NewTask, Running, TaskFailure},
    supervise::Supervisor,
};
use atelier_local::{PostgresOptions, PrivatePostgres};
use atelier_tasks::{
    BackgroundConfig, Engine, EngineConfig, MIGRATIONS, NAME, TasksConfig, Worker, WorkerConfig,
    subgraph,
};
use atelier_testing::{deps, until};
use diesel::{
    QueryableByName,
    sql_types::{Array, BigInt, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Those who write at the same time.
const WRITERS: usize = 8;
/// Acknowledged writes after which the load counts as being well.
const WELL: usize = 200;
/// How long writes may fail around a takeover, at the very most.
const OUTAGE: Duration = Duration::from_secs(10);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn connect(server: &PrivatePostgres) -> Connection {
    Connection::establish(&server.url()).await.unwrap()
}

async fn run(server: &PrivatePostgres, statement: &str) {
    diesel::sql_query(statement)
        .execute(&mut connect(server).await)
        .await
        .unwrap_or_else(|cause| panic!("{statement}: {cause}"));
}

async fn count(server: &PrivatePostgres, from: &str) -> i64 {
    let statement = format!("SELECT count(*) AS count FROM {from}");
    let found: Count = diesel::sql_query(statement)
        .get_result(&mut connect(server).await)
        .await
        .unwrap();
    found.count
}

/// From now on `primary` acknowledges only what its standby has.
async fn replicate_synchronously(primary: &PrivatePostgres) {
    run(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    run(primary, "SELECT pg_reload_conf()").await;
    let standbys = "pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'";
    until(async || count(primary, standbys).await == 1).await;
}

/// From now on `server`, when it takes over, waits for nobody.
async fn replicate_to_nobody(server: &PrivatePostgres) {
    run(server, "ALTER SYSTEM RESET synchronous_standby_names").await;
    run(server, "SELECT pg_reload_conf()").await;
}

async fn promote(server: &PrivatePostgres) {
    run(server, "SELECT pg_promote(true, 30)").await;
}

async fn servers(dir: &TempDir) -> (PrivatePostgres, PrivatePostgres) {
    let options = PostgresOptions {
        durable: false,
        max_connections: 60,
        settings: vec!["synchronous_commit=on".to_owned()],
        ..PostgresOptions::default()
    }
    .replicating();
    let first = PrivatePostgres::start(&dir.path().join("a"), options.clone())
        .await
        .unwrap();
    atelier_kit::migrate(&first.url(), NAME, &MIGRATIONS)
        .await
        .unwrap();
    let second = PrivatePostgres::standby_of(&first, &dir.path().join("b"), options)
        .await
        .unwrap();
    replicate_synchronously(&first).await;
    (first, second)
}

/// One URL for both servers.
fn both(first: &PrivatePostgres, second: &PrivatePostgres) -> String {
    let url = first.url();
    let port = format!(":{}/", first.port());
    url.replace(
        &port,
        &format!(":{},127.0.0.1:{}/", first.port(), second.port()),
    )
}

/// What writers were told, and when.
#[derive(Default)]
struct Told {
    acknowledged: Vec<Id<Task>>,
    failed: Vec<(Instant, ErrorCode)>,
}

struct Load {
    told: Arc<Mutex<Told>>,
    writers: JoinSet<()>,
}

impl Load {
    fn start(engine: &Engine) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            let (engine, told) = (engine.clone(), Arc::clone(&told));
            writers.spawn(async move {
                loop {
                    let id = engine.deps().new_id();
                    let task = NewTask::new(id, "test.work", "work", json!({}));
                    let answer = engine.enqueue(&[task]).await;
                    match answer {
                        Ok(_) => told.lock().acknowledged.push(id),
                        Err(error) => told.lock().failed.push((Instant::now(), error.code())),
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        Self { told, writers }
    }

    fn acknowledged(&self) -> usize {
        self.told.lock().acknowledged.len()
    }

    /// Waits for more writes to be acknowledged.
    async fn goes_on(&self) {
        let enough = self.acknowledged() + WELL;
        until(async || self.acknowledged() >= enough).await;
    }

    /// For how long writes failed, how many, and with which codes; then nothing is said of them any
    /// more.
    fn outage(&self) -> (Duration, usize, Vec<ErrorCode>) {
        let failed = std::mem::take(&mut self.told.lock().failed);
        let lasted = match (failed.as_slice().first(), failed.last()) {
            (Some((first, _)), Some((last, _))) => *last - *first,
            _ => Duration::ZERO,
        };
        let codes = failed.iter().map(|(_, code)| *code).collect();
        (lasted, failed.len(), codes)
    }

    /// After a takeover: writes are acknowledged again within the time they may fail, and no more fail.
    async fn recovers(&self, what: &str) {
        let recovered = tokio::time::timeout(OUTAGE, self.goes_on()).await;
        recovered.unwrap_or_else(|_| panic!("{what}: no writes after {OUTAGE:?}"));
        let (lasted, writes, codes) = self.outage();
        eprintln!("{what}: {writes} writes failed within {lasted:.1?}");
        assert!(
            codes.iter().all(|code| *code == ErrorCode::Unavailable),
            "failures say that it is worth another try: {codes:?}"
        );
        self.goes_on().await;
        assert_eq!(self.outage().1, 0, "{what}: writes fail no more");
    }
}

struct Does;

#[async_trait]
impl Handler for Does {
    fn task_type(&self) -> &'static str {
        "test.work"
    }

    fn queue(&self) -> &'static str {
        "work"
    }

    async fn run(&self, _: Arc<dyn Running>) -> Result<Value, TaskFailure> {
        Ok(json!({}))
    }
}

/// The domain on both servers, with a worker.
async fn domain(deps: Deps, url: &str, stop: &CancellationToken) -> Engine {
    let db = Database::new(&DatabaseConfig::new(url)).unwrap();
    db.ping().await.unwrap();
    let deps = Deps {
        clock: Arc::new(db.clock()),
        db,
        ..deps
    };
    let config = TasksConfig {
        engine: EngineConfig::default(),
        background: BackgroundConfig {
            rescue: Duration::from_millis(200),
            ..BackgroundConfig::default()
        },
    };
    subgraph(deps.clone(), config.clone()).start(&[], &Supervisor::new(stop.clone()));
    let engine = Engine::new(deps, config.engine);
    let worker = WorkerConfig {
        lease: Duration::from_secs(2),
        ..WorkerConfig::default()
    };
    tokio::spawn(Worker::run(
        engine.clone(),
        vec![Arc::new(Does)],
        worker,
        stop.clone(),
    ));
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn takeovers_under_load_lose_nothing_that_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let (mut first, second) = servers(&dir).await;
    let test = deps(NAME, &MIGRATIONS).await;
    let stop = CancellationToken::new();
    let engine = domain(test.deps.clone(), &both(&first, &second), &stop).await;
    let mut load = Load::start(&engine);
    load.goes_on().await;
    assert_eq!(load.outage().1, 0);

    // In order: the first server is stopped and comes back as the standby of the second.
    first.shut_down().await;
    let down = engine.deps().db.ping().await.unwrap_err();
    assert_eq!(
        down.code(),
        ErrorCode::Unavailable,
        "a standby alone is not ready"
    );
    promote(&second).await;
    first.follow(&second).await.unwrap();
    load.recovers("switchover").await;
    engine.deps().db.ping().await.unwrap();
    replicate_synchronously(&second).await;
    replicate_to_nobody(&first).await;
    load.goes_on().await;

    // By force: the second dies, and the first takes over.
    second.kill().await;
    promote(&first).await;
    load.recovers("failover").await;

    load.writers.shutdown().await;
    let ids: Vec<_> = load.told.lock().acknowledged.clone();
    let kept = async |and: &str| {
        let statement =
            format!("SELECT count(*) AS count FROM tasks.task WHERE id = ANY($1) {and}");
        let found: Count = diesel::sql_query(statement)
            .bind::<Array<SqlUuid>, _>(&ids)
            .get_result(&mut connect(&first).await)
            .await
            .unwrap();
        usize::try_from(found.count).unwrap()
    };
    assert_eq!(
        kept("").await,
        ids.len(),
        "every acknowledged task is there"
    );
    until(async || kept("AND status = 'SUCCEEDED'").await == ids.len()).await;
    eprintln!("{} acknowledged tasks, all of them done", ids.len());
    stop.cancel();
}
