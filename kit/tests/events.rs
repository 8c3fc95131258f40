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
    delivery::{Consume, Consumer, Followed, Interest, Relay, follow, run_consumer},
    error::Error,
    event::{Event, Fact, Told},
    supervise::Supervisor,
    transaction::Tx,
};
use diesel_async::RunQueryDsl;
use diesel_migrations::EmbeddedMigrations;
use futures::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);

/// A lamp was lit.
#[derive(Debug, Clone, Default)]
struct Lit {
    lamp: String,
    concerns: Vec<String>,
    details: serde_json::Value,
}

impl Lit {
    fn new(lamp: &str) -> Self {
        Self {
            lamp: lamp.to_owned(),
            details: serde_json::json!({ "at": lamp }),
            ..Self::default()
        }
    }
}

impl Fact for Lit {
    const DOMAIN: Option<&'static str> = Some("lamps");
    const TOPICS: &'static [&'static str] = &["lamp.lit"];

    fn topic(&self) -> &'static str {
        "lamp.lit"
    }

    fn key(&self) -> String {
        self.lamp.clone()
    }

    fn concerns(&self) -> Vec<String> {
        self.concerns.clone()
    }

    fn payload(&self) -> serde_json::Result<serde_json::Value> {
        Ok(self.details.clone())
    }

    fn read(_: &str, payload: &serde_json::Value) -> serde_json::Result<Self> {
        Ok(Self::new(payload["at"].as_str().unwrap_or_default()))
    }
}

async fn emit(deps: &Deps, facts: &[Lit]) {
    deps.transaction::<_, Error, _>(async |tx| {
        tx.emit_all(facts);
        Ok(())
    })
    .await
    .unwrap();
}

async fn write(deps: &Deps, keys: &[&str]) {
    let facts: Vec<Lit> = keys.iter().map(|key| Lit::new(key)).collect();
    emit(deps, &facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_see_committed_events_in_order_and_can_resume() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let stop = CancellationToken::new();
    let relay = tokio::spawn(Relay::new(deps.clone()).run(stop.clone()));

    let mut live = Box::pin(
        follow(&deps, None, Interest::All, |event| event.key != "hidden")
            .await
            .unwrap(),
    );
    let rolled_back = deps
        .transaction::<(), Error, _>(async |tx| {
            tx.emit(&Lit::new("never"));
            Err(Error::internal("changed its mind"))
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
                keys.push(event.key.clone());
                cursors.push(cursor);
            }
            Followed::Resync => panic!("nothing is missing"),
        }
    }
    assert_eq!(keys, ["a", "b", "c"]);

    let mut resumed = Box::pin(
        follow(&deps, Some(&cursors[0]), Interest::All, |_| true)
            .await
            .unwrap(),
    );
    let mut again = Vec::new();
    while again.len() < 3 {
        if let Followed::Event(event, _) = resumed.next().await.unwrap() {
            again.push(event.key.clone());
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
    let mut connection = deps.read().await.unwrap();
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
impl Consume<Lit> for Arc<Notes> {
    async fn consume(&self, tx: &mut Tx, facts: &[Told<Lit>]) -> Result<(), Error> {
        for told in facts {
            let key = &told.fact.lamp;
            diesel::sql_query("INSERT INTO lamps.note (key) VALUES ($1)")
                .bind::<diesel::sql_types::Text, _>(key)
                .execute(tx)
                .await?;
            let left = AtomicUsize::load(&self.failures, Ordering::SeqCst);
            if key == "bad" && left > 0 {
                self.failures.store(left - 1, Ordering::SeqCst);
                return Err(Error::internal("not this time"));
            }
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
    let mut connection = deps.read().await.unwrap();
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
    let supervisor = Supervisor::default();
    let consumer = Consumer::new("notes", Arc::clone(notes));
    supervisor.keep("notes".to_owned(), {
        let deps = deps.clone();
        move |stop| run_consumer(deps.clone(), consumer.clone(), Vec::new(), stop)
    });
    let done = notes.transactions.acquire_many(transactions);
    tokio::time::timeout(Duration::from_secs(20), done)
        .await
        .expect("the transactions are committed in time")
        .unwrap()
        .forget();
    supervisor.stop().cancel();
    supervisor.finished().await;
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
    let mut live = Box::pin(follow(&deps, None, Interest::All, |_| true).await.unwrap());
    // Deeper than parsers go.
    let nested = (0..200).fold(serde_json::Value::Null, |inner, _| {
        serde_json::json!([inner])
    });
    let unreadable = Lit {
        details: nested,
        ..Lit::new("deep")
    };
    emit(&deps, &[unreadable]).await;
    write(&deps, &["plain"]).await;
    Relay::new(deps.clone()).drain().await.unwrap();
    let Some(Followed::Event(event, _)) = live.next().await else {
        panic!("an event comes")
    };
    assert_eq!(event.key, "plain");
}

/// Emits one event for each list of ids that it concerns, and publishes them.
async fn tell(deps: &Deps, concerns: &[&[&str]]) {
    let facts: Vec<Lit> = concerns
        .iter()
        .enumerate()
        .map(|(at, ids)| Lit {
            concerns: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..Lit::new(&format!("lmp_{at}"))
        })
        .collect();
    emit(deps, &facts).await;
    Relay::new(deps.clone()).drain().await.unwrap();
}

async fn event(live: &mut (impl Stream<Item = Followed> + Unpin)) -> Arc<Event> {
    let Some(Followed::Event(event, _)) = live.next().await else {
        panic!("an event comes")
    };
    event
}

#[tokio::test(flavor = "multi_thread")]
async fn events_name_everybody_they_concern() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let live = follow(&deps, None, Interest::All, |_| true).await.unwrap();
    let mut live = Box::pin(live);
    let concerns: [&[&str]; 3] = [&[], &["usr_ada"], &["usr_ada", "usr_bo"]];
    tell(&deps, &concerns).await;
    for ids in concerns {
        assert_eq!(event(&mut live).await.concerns, ids);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_reaches_those_whom_it_concerns_once() {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let deps = test.deps.clone();
    let of = async |ids: &[&str]| {
        let interest = Interest::ids(ids);
        Box::pin(follow(&deps, None, interest, |_| true).await.unwrap())
    };
    let mut ada = of(&["usr_ada"]).await;
    let mut bo = of(&["usr_bo"]).await;
    let mut both = of(&["usr_ada", "usr_bo", "lmp_1"]).await;
    let mut lamp = of(&["lmp_2"]).await;
    tell(&deps, &[&["usr_cy"], &["usr_ada", "usr_bo"], &["usr_bo"]]).await;
    let shared = event(&mut ada).await;
    assert_eq!(shared.key, "lmp_1");
    assert!(Arc::ptr_eq(&shared, &event(&mut both).await), "parsed once");
    assert!(Arc::ptr_eq(&shared, &event(&mut bo).await));
    for live in [&mut bo, &mut both, &mut lamp] {
        assert_eq!(event(live).await.key, "lmp_2");
    }
}
