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
    testing,
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
    let test = testing::deps("lamps", &NONE).await;
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
    let test = testing::deps("lamps", &NONE).await;
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

struct Counts {
    handled: AtomicUsize,
    failures: AtomicUsize,
    done: tokio::sync::Semaphore,
}

#[async_trait]
impl Consumer for Counts {
    fn name(&self) -> &'static str {
        "counts"
    }
    fn topics(&self) -> &'static [&'static str] {
        &["lamp.lit"]
    }
    async fn handle(&self, _: &mut Connection, event: &Event) -> Result<(), Error> {
        if event.key == "b" && self.failures.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(Error::internal("not this time"));
        }
        self.handled.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn committed(&self) {
        self.done.add_permits(1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_handles_each_event_once_even_if_it_fails_or_comes_twice() {
    let test = testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    write(&deps, &["a", "b", "c"]).await;
    Relay::new(deps.clone()).drain().await.unwrap();
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

    let counts = Arc::new(Counts {
        handled: AtomicUsize::new(0),
        failures: AtomicUsize::new(0),
        done: tokio::sync::Semaphore::new(0),
    });
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (deps, counts, stop) = (deps.clone(), Arc::clone(&counts), stop.clone());
        async move { run_consumers(deps, counts, &["lamps".to_owned()], stop).await }
    });
    // Three events and the repetition, which commits without being handled.
    let four = tokio::time::timeout(Duration::from_secs(20), counts.done.acquire_many(4)).await;
    four.expect("all events are handled in time")
        .unwrap()
        .forget();
    assert_eq!(AtomicUsize::load(&counts.handled, Ordering::SeqCst), 3);
    stop.cancel();
    running.await.unwrap();
}
