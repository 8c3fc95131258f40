//! Events from a domain's transaction to its followers and consumers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use atelier_kit::{
    Deps,
    db::Connection,
    error::Error,
    event::{Consumer, Event, Followed, NewEvent, Relay, emit, emit_all, follow, run_consumers},
};
use diesel_async::{AsyncConnection, RunQueryDsl};
use diesel_migrations::EmbeddedMigrations;
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);

async fn write(deps: &Deps, keys: &[&str]) {
    let mut connection = deps.db.write().await.unwrap();
    connection
        .transaction(async |connection| {
            let events = keys
                .iter()
                .map(|key| NewEvent {
                    topic: "lamp.lit",
                    key: (*key).to_owned(),
                    payload: serde_json::json!({ "at": key }),
                })
                .collect();
            emit_all(connection, deps, events)
                .await
                .map_err(|_| diesel::result::Error::RollbackTransaction)
        })
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_see_committed_events_in_order_and_can_resume() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let stop = CancellationToken::new();
    let relay = tokio::spawn(Relay::new(deps.clone()).run(stop.clone()));

    let mut live = Box::pin(
        follow(&deps, None, |event| event.key != "hidden")
            .await
            .unwrap(),
    );
    let rolled_back: Result<(), diesel::result::Error> = deps
        .db
        .write()
        .await
        .unwrap()
        .transaction(async |connection| {
            let event = NewEvent {
                topic: "lamp.lit",
                key: "never".to_owned(),
                payload: (),
            };
            emit(connection, &deps, event)
                .await
                .map_err(|_| diesel::result::Error::RollbackTransaction)?;
            Err(diesel::result::Error::RollbackTransaction)
        })
        .await;
    assert!(rolled_back.is_err());
    write(&deps, &["a", "hidden"]).await;
    write(&deps, &["b", "c"]).await;

    let mut keys = Vec::new();
    let mut cursors = Vec::new();
    while keys.len() < 3 {
        match live.next().await.unwrap() {
            Followed::Event(event, cursor) => {
                assert_eq!(
                    event.details::<serde_json::Value>().unwrap()["at"],
                    event.key
                );
                keys.push(event.key);
                cursors.push(cursor);
            }
            Followed::Resync => panic!("nothing is missing"),
        }
    }
    assert_eq!(keys, ["a", "b", "c"]);

    let mut resumed = Box::pin(follow(&deps, Some(&cursors[0]), |_| true).await.unwrap());
    let mut again = Vec::new();
    while again.len() < 3 {
        if let Followed::Event(event, _) = resumed.next().await.unwrap() {
            again.push(event.key);
        }
    }
    assert_eq!(again, ["hidden", "b", "c"]);

    stop.cancel();
    relay.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_publishes_again_publishes_nothing_twice() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    write(&deps, &["a", "b"]).await;
    let mut connection = deps.db.read().await.unwrap();
    diesel::sql_query("CREATE TABLE lamps.kept AS SELECT * FROM lamps.outbox")
        .execute(&mut connection)
        .await
        .unwrap();
    Relay::new(deps.clone()).drain().await.unwrap();
    // As if the relay had died after publishing and before it could forget.
    let restored = "INSERT INTO lamps.outbox OVERRIDING SYSTEM VALUE SELECT * FROM lamps.kept";
    diesel::sql_query(restored)
        .execute(&mut connection)
        .await
        .unwrap();
    Relay::new(deps.clone()).drain().await.unwrap();
    let mut commands = deps.redis.commands();
    let length: usize = redis::cmd("XLEN")
        .arg(deps.redis.key("events:lamps"))
        .query_async(&mut commands)
        .await
        .unwrap();
    assert_eq!(length, 2);
}

/// Writes down what it handles, and fails as often as it is told on the event `bad`.
struct Notes {
    failures: AtomicUsize,
    transactions: tokio::sync::Semaphore,
}

impl Notes {
    fn failing(failures: usize) -> Arc<Self> {
        Arc::new(Self {
            failures: AtomicUsize::new(failures),
            transactions: tokio::sync::Semaphore::new(0),
        })
    }
}

#[async_trait]
impl Consumer for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }
    fn topics(&self) -> &'static [&'static str] {
        &["lamp.lit"]
    }
    async fn handle(&self, connection: &mut Connection, event: &Event) -> Result<(), Error> {
        diesel::sql_query("INSERT INTO lamps.note (key) VALUES ($1)")
            .bind::<diesel::sql_types::Text, _>(&event.key)
            .execute(connection)
            .await?;
        let left = AtomicUsize::load(&self.failures, Ordering::SeqCst);
        if event.key == "bad" && left > 0 {
            self.failures.store(left - 1, Ordering::SeqCst);
            return Err(Error::internal("not this time"));
        }
        Ok(())
    }
    fn committed(&self) {
        self.transactions.add_permits(1);
    }
}

/// Whether an event is in the stream twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeated {
    None,
    First,
}

/// Writes the stream's first event to its end again, as a relay does that was interrupted.
async fn repeat_first(deps: &Deps) {
    let mut commands = deps.redis.commands();
    let stream = deps.redis.key("events:lamps");
    let entries: redis::streams::StreamRangeReply = redis::cmd("XRANGE")
        .arg(&stream)
        .arg("-")
        .arg("+")
        .query_async(&mut commands)
        .await
        .unwrap();
    let first = &entries.ids[0];
    let repeat: String = redis::cmd("XADD")
        .arg(&stream)
        .arg("*")
        .arg("id")
        .arg(first.get::<String>("id").unwrap())
        .arg("data")
        .arg(first.get::<Vec<u8>>("data").unwrap())
        .query_async(&mut commands)
        .await
        .unwrap();
    assert!(!repeat.is_empty());
}

#[derive(diesel::QueryableByName)]
struct Note {
    #[diesel(sql_type = diesel::sql_types::Text)]
    key: String,
}

/// Runs `notes` over events that are all there before it starts, until `transactions` are committed,
/// and gives what it wrote down and the number of statements.
async fn noted(
    notes: &Arc<Notes>,
    keys: &[&str],
    repeated: Repeated,
    transactions: u32,
) -> (Vec<String>, u64) {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let mut connection = deps.db.read().await.unwrap();
    diesel::sql_query("CREATE TABLE lamps.note (at serial PRIMARY KEY, key text NOT NULL)")
        .execute(&mut connection)
        .await
        .unwrap();
    write(&deps, keys).await;
    Relay::new(deps.clone()).drain().await.unwrap();
    if repeated == Repeated::First {
        repeat_first(&deps).await;
    }
    let before = deps.db.statements();
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (deps, notes, stop) = (deps.clone(), Arc::clone(notes), stop.clone());
        async move { run_consumers(deps, notes, &["lamps".to_owned()], stop).await }
    });
    let done = notes.transactions.acquire_many(transactions);
    tokio::time::timeout(Duration::from_secs(20), done)
        .await
        .expect("the transactions are committed in time")
        .unwrap()
        .forget();
    stop.cancel();
    running.await.unwrap();
    let statements = deps.db.statements() - before;
    let notes: Vec<Note> = diesel::sql_query("SELECT key FROM lamps.note ORDER BY at")
        .load(&mut connection)
        .await
        .unwrap();
    (notes.into_iter().map(|note| note.key).collect(), statements)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_handles_each_event_once_even_if_it_fails_or_comes_twice() {
    let keys = ["a", "bad", "c"];
    // All together, or after a failure three and the repetition, which commits without being handled.
    for (failures, transactions) in [(0, 1), (2, 4)] {
        let notes = Notes::failing(failures);
        let (noted, _) = noted(&notes, &keys, Repeated::First, transactions).await;
        assert_eq!(noted, keys, "each once, in their order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_together_share_a_transaction() {
    let names: Vec<String> = (0..50).map(|at| format!("{at:02}")).collect();
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let notes = Notes::failing(0);
    let (noted, statements) = noted(&notes, &keys, Repeated::None, 1).await;
    assert_eq!(noted, keys, "each once, in their order");
    // One for each event by this consumer; the rest is the transaction and the inbox.
    assert!((51..=53).contains(&statements), "{statements} statements");
    assert_eq!(notes.transactions.available_permits(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_undoes_none_of_those_it_came_with() {
    let notes = Notes::failing(2);
    let keys = ["a", "b", "bad", "c", "d"];
    let (noted, _) = noted(&notes, &keys, Repeated::None, 5).await;
    assert_eq!(noted, keys, "each once, in their order");
    assert_eq!(AtomicUsize::load(&notes.failures, Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_can_read_does_not_hold_up_others() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let mut live = Box::pin(follow(&deps, None, |_| true).await.unwrap());
    // Deeper than parsers go.
    let nested = (0..200).fold(serde_json::Value::Null, |inner, _| {
        serde_json::json!([inner])
    });
    let mut connection = deps.db.write().await.unwrap();
    let unreadable = NewEvent {
        topic: "lamp.lit",
        key: "deep".to_owned(),
        payload: nested,
    };
    emit(&mut connection, &deps, unreadable).await.unwrap();
    drop(connection);
    write(&deps, &["plain"]).await;
    Relay::new(deps.clone()).drain().await.unwrap();
    let Some(Followed::Event(event, _)) = live.next().await else {
        panic!("an event comes")
    };
    assert_eq!(event.key, "plain");
}
