//! Event streams against real servers, including servers that restart and forget.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atelier_kit::redis::{Redis, RedisConfig, cmd};
use atelier_kit::stream::{
    ConsumerConfig, HandlerError, Hub, HubSubscription, StreamCursor, StreamEntry, StreamItem,
    StreamWriter, consume,
};
use atelier_local::{PrivateRedis, RedisOptions, test_servers};
use futures::StreamExt;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(60);
/// Far more than any test appends.
const KEEP_ALL: usize = 1_000_000;

/// A connection whose keys no other test uses.
async fn shared(test: &str) -> Redis {
    let config = RedisConfig::new(&test_servers().await.redis_url);
    let prefix = format!("kit-stream:{test}:{}", std::process::id());
    Redis::connect_with(config.prefix(prefix)).await.unwrap()
}

async fn append(redis: &Redis, stream: &str, numbers: std::ops::Range<u64>) -> Vec<StreamCursor> {
    let entries: Vec<_> = numbers
        .map(|number| (format!("evt_{number}"), number.to_string()))
        .collect();
    let writer = StreamWriter::new(redis.clone());
    writer.append(stream, &entries, KEEP_ALL).await.unwrap()
}

fn number(entry: &StreamEntry) -> u64 {
    std::str::from_utf8(&entry.payload)
        .unwrap()
        .parse()
        .unwrap()
}

async fn next(subscription: &mut HubSubscription) -> StreamItem {
    timeout(DEADLINE, subscription.next())
        .await
        .expect("an item in time")
        .expect("the subscription goes on")
}

async fn next_number(subscription: &mut HubSubscription) -> u64 {
    match next(subscription).await {
        StreamItem::Entry(entry) => number(&entry),
        other => panic!("{other:?} instead of an entry"),
    }
}

/// The payloads up to the first that is `last`.
async fn numbers_until(subscription: &mut HubSubscription, last: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        numbers.push(next_number(subscription).await);
    }
    numbers
}

mod following {
    use super::*;

    #[tokio::test]
    async fn without_a_cursor_only_what_comes_later_is_delivered() {
        let redis = shared("later").await;
        append(&redis, "s", 0..10).await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        append(&redis, "s", 10..13).await;
        assert_eq!(numbers_until(&mut subscription, 12).await, [10, 11, 12]);
    }

    #[tokio::test]
    async fn a_stream_can_be_followed_before_it_exists() {
        let redis = shared("unborn").await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        append(&redis, "s", 0..1).await;
        assert_eq!(next_number(&mut subscription).await, 0);
    }

    #[tokio::test]
    async fn an_entry_arrives_with_its_event_id_and_cursor() {
        let redis = shared("entry").await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        let writer = StreamWriter::new(redis);
        let cursors = writer
            .append("s", &[("evt_1", b"\x00\xffbytes".as_slice())], KEEP_ALL)
            .await
            .unwrap();
        let StreamItem::Entry(entry) = next(&mut subscription).await else {
            panic!("no entry");
        };
        assert_eq!(entry.cursor, cursors[0]);
        assert_eq!(&*entry.event_id, "evt_1");
        assert_eq!(&*entry.payload, b"\x00\xffbytes");
    }

    #[tokio::test]
    async fn resuming_replays_and_goes_live_without_gap_or_repetition() {
        const BEFORE: u64 = 2000;
        const ALL: u64 = 6000;
        let redis = shared("resume").await;
        let cursors = append(&redis, "s", 0..BEFORE).await;
        // A small buffer makes the live end overflow while the replay is still going on.
        let hub = Hub::with_buffer(redis.clone(), 64);
        let writer = redis.clone();
        let writing = tokio::spawn(async move {
            for number in BEFORE..ALL {
                append(&writer, "s", number..number + 1).await;
            }
        });
        let resumes = [0, 1, 500, 1998].map(|seen: usize| {
            let (hub, after) = (hub.clone(), cursors[seen]);
            tokio::spawn(async move {
                // What the subscriber of a slow client does: resume where it was cut off.
                let (mut after, mut got) = (after, Vec::new());
                while got.last() != Some(&(ALL - 1)) {
                    let mut subscription = hub.subscribe("s", Some(after)).await.unwrap();
                    while let StreamItem::Entry(entry) = next(&mut subscription).await {
                        got.push(number(&entry));
                        after = entry.cursor;
                        if got.last() == Some(&(ALL - 1)) {
                            break;
                        }
                    }
                }
                assert_eq!(got, (seen as u64 + 1..ALL).collect::<Vec<_>>());
            })
        });
        writing.await.unwrap();
        for resume in resumes {
            timeout(DEADLINE, resume).await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn the_start_replays_everything_that_is_kept() {
        let redis = shared("start").await;
        append(&redis, "s", 0..1000).await;
        let hub = Hub::new(redis.clone());
        let start = Some(StreamCursor::START);
        let mut subscription = hub.subscribe("s", start).await.unwrap();
        let all: Vec<u64> = (0..1000).collect();
        assert_eq!(numbers_until(&mut subscription, 999).await, all);
    }

    #[tokio::test]
    async fn a_cursor_that_was_trimmed_away_is_too_old() {
        let redis = shared("trimmed").await;
        let cursors = append(&redis, "s", 0..100).await;
        let mut trim = cmd("XTRIM");
        trim.arg(redis.key("s")).arg("MAXLEN").arg(10);
        redis.query::<i64>(&trim).await.unwrap();
        let hub = Hub::new(redis.clone());

        let mut old = hub.subscribe("s", Some(cursors[50])).await.unwrap();
        assert_eq!(next(&mut old).await, StreamItem::TooOld);
        assert_eq!(old.next().await, None);

        let mut kept = hub.subscribe("s", Some(cursors[95])).await.unwrap();
        assert_eq!(numbers_until(&mut kept, 99).await, [96, 97, 98, 99]);
    }

    #[tokio::test]
    async fn a_cursor_of_a_stream_that_was_lost_is_too_old() {
        let redis = shared("lost").await;
        let cursors = append(&redis, "s", 0..10).await;
        redis
            .query::<i64>(cmd("DEL").arg(redis.key("s")))
            .await
            .unwrap();
        append(&redis, "s", 10..20).await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", Some(cursors[9])).await.unwrap();
        assert_eq!(next(&mut subscription).await, StreamItem::TooOld);
    }

    #[tokio::test]
    async fn writing_keeps_the_stream_bounded() {
        let redis = shared("bounded").await;
        let writer = StreamWriter::new(redis.clone());
        let entries: Vec<_> = (0..5000).map(|n| (n.to_string(), "x")).collect();
        writer.append("s", &entries, 100).await.unwrap();
        let length: u64 = redis.query(cmd("XLEN").arg(redis.key("s"))).await.unwrap();
        // Trimming is approximate: Redis drops whole nodes of a hundred entries.
        assert!((100..=300).contains(&length), "{length}");
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_cut_off_and_others_are_not() {
        let redis = shared("slow").await;
        let hub = Hub::with_buffer(redis.clone(), 16);
        let mut slow = hub.subscribe("s", None).await.unwrap();
        let mut quick = hub.subscribe("s", None).await.unwrap();
        for at in 0..100 {
            append(&redis, "s", at..at + 1).await;
            assert_eq!(next_number(&mut quick).await, at);
        }
        for at in 0..16 {
            assert_eq!(next_number(&mut slow).await, at);
        }
        assert_eq!(next(&mut slow).await, StreamItem::Lagged);
        assert_eq!(slow.next().await, None);
    }

    #[tokio::test]
    async fn streams_can_be_added_while_others_are_quiet() {
        let redis = shared("many").await;
        let hub = Hub::new(redis.clone());
        let mut subscriptions = Vec::new();
        for name in 0..20 {
            // Each joins while the reader is blocked on the earlier, quiet streams.
            let stream = format!("s{name}");
            subscriptions.push(hub.subscribe(&stream, None).await.unwrap());
        }
        for name in (0..20).rev() {
            append(&redis, &format!("s{name}"), name..name + 1).await;
        }
        for (name, subscription) in (0..20).zip(&mut subscriptions) {
            assert_eq!(next_number(subscription).await, name);
        }
    }

    #[tokio::test]
    async fn entries_of_other_writers_are_passed_over() {
        let redis = shared("foreign").await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        let mut foreign = cmd("XADD");
        foreign
            .arg(redis.key("s"))
            .arg("*")
            .arg("hello")
            .arg("there");
        redis.query::<String>(&foreign).await.unwrap();
        append(&redis, "s", 0..1).await;
        assert_eq!(next_number(&mut subscription).await, 0);
    }

    #[tokio::test]
    async fn shutting_the_hub_down_ends_subscriptions() {
        let redis = shared("shutdown").await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        hub.shutdown();
        let ended = timeout(DEADLINE, subscription.next()).await.unwrap();
        assert_eq!(ended, None);
        assert!(hub.subscribe("s", None).await.is_err());
    }
}

/// A server of the test's own.
struct Server {
    dir: TempDir,
    keeps_data: bool,
    running: Option<PrivateRedis>,
}

impl Server {
    async fn start(keeps_data: bool) -> Self {
        let mut server = Self {
            dir: TempDir::new().unwrap(),
            keeps_data,
            running: None,
        };
        server.start_again().await;
        server
    }

    async fn start_again(&mut self) {
        let options = RedisOptions {
            append_only: self.keeps_data,
            ..RedisOptions::default()
        };
        let started = PrivateRedis::start(self.dir.path(), options).await;
        self.running = Some(started.unwrap());
    }

    async fn restart(&mut self) {
        self.running.take().unwrap().stop().await;
        self.start_again().await;
    }

    async fn redis(&self) -> Redis {
        let url = self.running.as_ref().unwrap().url();
        Redis::connect(&url).await.unwrap()
    }
}

/// Appends until it works: the server may be restarting.
async fn append_patiently(redis: &Redis, stream: &str, number: u64) {
    let writer = StreamWriter::new(redis.clone());
    let entry = [(format!("evt_{number}"), number.to_string())];
    let appending = async { while writer.append(stream, &entry, KEEP_ALL).await.is_err() {} };
    timeout(DEADLINE, appending).await.unwrap();
}

mod restarts {
    use super::*;

    #[tokio::test]
    async fn subscriptions_continue_after_a_restart_without_losing_anything() {
        let mut server = Server::start(true).await;
        let redis = server.redis().await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        append(&redis, "s", 0..10).await;
        assert_eq!(numbers_until(&mut subscription, 9).await.len(), 10);

        server.restart().await;
        for number in 10..20 {
            append_patiently(&redis, "s", number).await;
        }
        let mut got = numbers_until(&mut subscription, 19).await;
        // An append whose answer was lost is sent again, so it may be there twice.
        got.dedup();
        assert_eq!(got, (10..20).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn subscribers_learn_that_the_server_forgot_the_stream() {
        let mut server = Server::start(false).await;
        let redis = server.redis().await;
        let hub = Hub::new(redis.clone());
        let mut subscription = hub.subscribe("s", None).await.unwrap();
        append(&redis, "s", 0..3).await;
        assert_eq!(numbers_until(&mut subscription, 2).await, [0, 1, 2]);

        server.restart().await;
        assert_eq!(next(&mut subscription).await, StreamItem::Lagged);

        let mut again = timeout(DEADLINE, async {
            loop {
                if let Ok(again) = hub.subscribe("s", None).await {
                    break again;
                }
            }
        })
        .await
        .unwrap();
        append_patiently(&redis, "s", 3).await;
        assert_eq!(next_number(&mut again).await, 3);
    }

    #[tokio::test]
    async fn consumers_continue_after_a_restart() {
        let mut server = Server::start(true).await;
        let redis = server.redis().await;
        let group = Group::start(&redis, config("a"), |_| Ok(()));
        append(&redis, "s", 0..5).await;
        group.until_handled(5).await;
        server.restart().await;
        for number in 5..10 {
            append_patiently(&redis, "s", number).await;
        }
        group.until_handled(10).await;
        group.stop().await;
    }

    #[tokio::test]
    async fn consumers_continue_after_the_server_forgot_stream_and_group() {
        let mut server = Server::start(false).await;
        let redis = server.redis().await;
        let group = Group::start(&redis, config("a"), |_| Ok(()));
        append(&redis, "s", 0..5).await;
        group.until_handled(5).await;
        server.restart().await;
        for number in 5..10 {
            append_patiently(&redis, "s", number).await;
        }
        group.until_handled(10).await;
        group.stop().await;
    }
}

fn config(consumer: &str) -> ConsumerConfig {
    let mut config = ConsumerConfig::new("s", "g", consumer);
    config.backoff = Duration::from_millis(5);
    config.backoff_max = Duration::from_millis(20);
    config.block = Duration::from_millis(100);
    config.claim_after = Duration::from_millis(500);
    config.max_tries = 4;
    config
}

/// A running consumer that notes what it has been given.
struct Group {
    handled: Arc<Mutex<HashMap<u64, u64>>>,
    order: Arc<Mutex<Vec<u64>>>,
    progress: Arc<Notify>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Group {
    fn start<D>(redis: &Redis, config: ConsumerConfig, decide: D) -> Self
    where
        D: Fn(u64) -> Result<(), HandlerError> + Send + Sync + 'static,
    {
        let handled = Arc::new(Mutex::new(HashMap::new()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let progress = Arc::new(Notify::new());
        let cancel = CancellationToken::new();
        let handler = {
            let (handled, order, progress) = (handled.clone(), order.clone(), progress.clone());
            move |entry: StreamEntry| {
                let number = number(&entry);
                *handled.lock().entry(number).or_insert(0) += 1;
                let decided = decide(number);
                if decided.is_ok() {
                    order.lock().push(number);
                }
                progress.notify_waiters();
                std::future::ready(decided)
            }
        };
        let task = tokio::spawn(consume(redis.clone(), config, handler, cancel.clone()));
        Self {
            handled,
            order,
            progress,
            cancel,
            task,
        }
    }

    async fn until(&self, done: impl Fn(&HashMap<u64, u64>) -> bool) {
        let waiting = async {
            loop {
                let notified = self.progress.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if done(&self.handled.lock()) {
                    break;
                }
                notified.await;
            }
        };
        timeout(DEADLINE, waiting).await.expect("handled in time");
    }

    async fn until_handled(&self, count: u64) {
        self.until(|handled| (0..count).all(|number| handled.contains_key(&number)))
            .await;
    }

    async fn stop(self) {
        self.cancel.cancel();
        timeout(DEADLINE, self.task).await.unwrap().unwrap();
    }
}

/// Entries given out but not acknowledged.
async fn pending(redis: &Redis) -> u64 {
    let mut command = cmd("XPENDING");
    command.arg(redis.key("s")).arg("g");
    let summary: Vec<redis::Value> = redis.query(&command).await.unwrap();
    redis::FromRedisValue::from_redis_value_ref(&summary[0]).unwrap()
}

async fn until_nothing_is_pending(redis: &Redis) {
    let waiting = async { while pending(redis).await > 0 {} };
    timeout(DEADLINE, waiting).await.unwrap();
}

/// Names of the group's members.
async fn members(redis: &Redis) -> Vec<String> {
    let mut command = cmd("XINFO");
    command.arg("CONSUMERS").arg(redis.key("s")).arg("g");
    let reply: redis::streams::StreamInfoConsumersReply = redis.query(&command).await.unwrap();
    reply.consumers.into_iter().map(|m| m.name).collect()
}

async fn dead(redis: &Redis) -> Vec<HashMap<String, String>> {
    let mut command = cmd("XRANGE");
    command.arg(redis.key("s:dead")).arg("-").arg("+");
    let entries: Vec<(String, HashMap<String, String>)> = redis.query(&command).await.unwrap();
    entries.into_iter().map(|(_, fields)| fields).collect()
}

mod consuming {
    use super::*;

    #[tokio::test]
    async fn every_entry_is_handled_once_in_order_even_those_older_than_the_group() {
        let redis = shared("c-order").await;
        append(&redis, "s", 0..200).await;
        let group = Group::start(&redis, config("a"), |_| Ok(()));
        append(&redis, "s", 200..400).await;
        group.until_handled(400).await;
        until_nothing_is_pending(&redis).await;
        assert_eq!(*group.order.lock(), (0..400).collect::<Vec<_>>());
        assert!(group.handled.lock().values().all(|times| *times == 1));
        group.stop().await;
    }

    #[tokio::test]
    async fn members_share_the_work() {
        let redis = shared("c-share").await;
        let mut config_a = config("a");
        config_a.batch = 1;
        let mut config_b = config("b");
        config_b.batch = 1;
        let a = Group::start(&redis, config_a, |_| Ok(()));
        let b = Group::start(&redis, config_b, |_| Ok(()));
        append(&redis, "s", 0..500).await;
        let both = async {
            while a.order.lock().len() + b.order.lock().len() < 500 {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, both).await.unwrap();
        until_nothing_is_pending(&redis).await;
        let mut all = a.order.lock().clone();
        all.extend(b.order.lock().iter());
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        a.stop().await;
        b.stop().await;
    }

    #[tokio::test]
    async fn a_failing_entry_is_retried_and_holds_back_its_successors() {
        let redis = shared("c-retry").await;
        let failures = AtomicU64::new(0);
        let group = Group::start(&redis, config("a"), move |number| {
            if number == 1 && failures.fetch_add(1, Ordering::Relaxed) < 2 {
                return Err(HandlerError::retry("not yet"));
            }
            Ok(())
        });
        append(&redis, "s", 0..3).await;
        group.until_handled(3).await;
        until_nothing_is_pending(&redis).await;
        assert_eq!(*group.order.lock(), [0, 1, 2]);
        assert_eq!(group.handled.lock()[&1], 3);
        assert_eq!(dead(&redis).await, []);
        group.stop().await;
    }

    #[tokio::test]
    async fn poison_is_parked_with_the_reason_and_the_rest_goes_on() {
        let redis = shared("c-poison").await;
        let group = Group::start(&redis, config("a"), |number| match number {
            1 => Err(HandlerError::retry("always broken")),
            2 => Err(HandlerError::reject("makes no sense")),
            3 => panic!("handler bug"),
            _ => Ok(()),
        });
        append(&redis, "s", 0..5).await;
        group.until_handled(5).await;
        until_nothing_is_pending(&redis).await;
        assert_eq!(*group.order.lock(), [0, 4]);
        assert_eq!(group.handled.lock()[&1], 4);
        assert_eq!(group.handled.lock()[&2], 1);
        assert_eq!(group.handled.lock()[&3], 4);

        let dead = dead(&redis).await;
        let told: Vec<_> = dead
            .iter()
            .map(|fields| (fields["id"].as_str(), fields["error"].as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("evt_1", "always broken"),
                ("evt_2", "makes no sense"),
                ("evt_3", "handler panicked: handler bug"),
            ]
        );
        assert_eq!(dead[0]["data"], "1");
        assert_eq!(dead[0]["tries"], "4");
        assert_eq!(dead[0]["group"], "g");
        group.stop().await;
    }

    #[tokio::test]
    async fn a_handler_that_hangs_counts_as_failed() {
        let redis = shared("c-hang").await;
        let mut config = config("a");
        config.handler_timeout = Duration::from_millis(20);
        let cancel = CancellationToken::new();
        let handler = |_: StreamEntry| std::future::pending::<Result<(), HandlerError>>();
        let task = tokio::spawn(consume(redis.clone(), config, handler, cancel.clone()));
        append(&redis, "s", 0..1).await;
        let parked = async { while dead(&redis).await.is_empty() {} };
        timeout(DEADLINE, parked).await.unwrap();
        assert_eq!(dead(&redis).await[0]["error"], "handler ran out of time");
        cancel.cancel();
        timeout(DEADLINE, task).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn work_of_a_member_that_died_is_taken_over() {
        let redis = shared("c-takeover").await;
        let entered = Arc::new(Notify::new());
        let signal = entered.clone();
        let stuck = move |_: StreamEntry| {
            signal.notify_one();
            std::future::pending::<Result<(), HandlerError>>()
        };
        let never = CancellationToken::new();
        let dying = tokio::spawn(consume(redis.clone(), config("dies"), stuck, never));
        append(&redis, "s", 0..10).await;
        timeout(DEADLINE, entered.notified()).await.unwrap();
        dying.abort();
        assert!(dying.await.unwrap_err().is_cancelled());
        assert_eq!(pending(&redis).await, 10);

        let group = Group::start(&redis, config("lives"), |_| Ok(()));
        group.until_handled(10).await;
        until_nothing_is_pending(&redis).await;
        group.stop().await;
    }

    #[tokio::test]
    async fn a_slow_member_keeps_its_entries() {
        let redis = shared("c-slow").await;
        let mut slow = config("slow");
        slow.claim_after = Duration::from_millis(150);
        let released = Arc::new(Notify::new());
        let (entered, times) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let handler = {
            let (released, entered, times) = (released.clone(), entered.clone(), times.clone());
            move |_: StreamEntry| {
                let (released, entered, times) = (released.clone(), entered.clone(), times.clone());
                async move {
                    times.fetch_add(1, Ordering::Relaxed);
                    entered.notify_one();
                    released.notified().await;
                    Ok(())
                }
            }
        };
        let cancel = CancellationToken::new();
        append(&redis, "s", 0..1).await;
        let task = tokio::spawn(consume(
            redis.clone(),
            slow.clone(),
            handler,
            cancel.clone(),
        ));
        timeout(DEADLINE, entered.notified()).await.unwrap();

        let mut eager = slow;
        eager.consumer = "eager".to_owned();
        let other = Group::start(&redis, eager, |_| Ok(()));
        // The other member looks for orphans twice per claim time, between entries of its own.
        let began = Instant::now();
        for number in 1.. {
            append(&redis, "s", number..number + 1).await;
            other.until(|handled| handled.contains_key(&number)).await;
            if began.elapsed() > 4 * Duration::from_millis(150) {
                break;
            }
        }
        assert!(!other.handled.lock().contains_key(&0));
        released.notify_one();
        until_nothing_is_pending(&redis).await;
        assert_eq!(times.load(Ordering::Relaxed), 1);
        cancel.cancel();
        timeout(DEADLINE, task).await.unwrap().unwrap();
        other.stop().await;
    }

    #[tokio::test]
    async fn stopping_finishes_the_entry_in_hand_and_leaves_the_rest() {
        let redis = shared("c-stop").await;
        let (entered, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let finished = Arc::new(AtomicBool::new(false));
        let handler = {
            let (entered, released, finished) =
                (entered.clone(), released.clone(), finished.clone());
            move |_: StreamEntry| {
                let (entered, released, finished) =
                    (entered.clone(), released.clone(), finished.clone());
                async move {
                    entered.notify_one();
                    released.notified().await;
                    finished.store(true, Ordering::Release);
                    Ok(())
                }
            }
        };
        append(&redis, "s", 0..3).await;
        let cancel = CancellationToken::new();
        let task = tokio::spawn(consume(redis.clone(), config("a"), handler, cancel.clone()));
        timeout(DEADLINE, entered.notified()).await.unwrap();
        cancel.cancel();
        released.notify_one();
        timeout(DEADLINE, task).await.unwrap().unwrap();
        assert!(finished.load(Ordering::Acquire));
        assert_eq!(pending(&redis).await, 2);

        // The same member finds them at once when it comes back.
        let mut again = config("a");
        again.claim_after = Duration::from_secs(3600);
        let group = Group::start(&redis, again, |_| Ok(()));
        group
            .until(|handled| handled.contains_key(&1) && handled.contains_key(&2))
            .await;
        assert!(!group.handled.lock().contains_key(&0));
        group.stop().await;
    }

    #[tokio::test]
    async fn a_member_that_stops_with_nothing_left_to_do_leaves_the_group() {
        let redis = shared("c-leave").await;
        let group = Group::start(&redis, config("a"), |_| Ok(()));
        append(&redis, "s", 0..3).await;
        group.until_handled(3).await;
        until_nothing_is_pending(&redis).await;
        assert_eq!(members(&redis).await, ["a"]);
        group.stop().await;
        assert!(members(&redis).await.is_empty());
    }

    #[tokio::test]
    async fn members_that_ended_without_a_word_are_forgotten() {
        let redis = shared("c-forget").await;
        let dying = Group::start(&redis, config("dies"), |_| Ok(()));
        append(&redis, "s", 0..1).await;
        dying.until_handled(1).await;
        until_nothing_is_pending(&redis).await;
        dying.task.abort();

        let mut config = config("lives");
        config.forget_after = Duration::from_millis(300);
        let group = Group::start(&redis, config, |_| Ok(()));
        let forgotten = async { while members(&redis).await != ["lives"] {} };
        timeout(DEADLINE, forgotten).await.unwrap();
        append(&redis, "s", 1..2).await;
        group.until(|handled| handled.contains_key(&1)).await;
        group.stop().await;
    }

    #[tokio::test]
    async fn an_entry_that_kills_its_member_again_and_again_is_parked() {
        let redis = shared("c-killer").await;
        append(&redis, "s", 0..1).await;
        let mut deaths = 0;
        while dead(&redis).await.is_empty() {
            assert!(deaths < 20, "never parked");
            let entered = Arc::new(Notify::new());
            let signal = entered.clone();
            let handler = move |_: StreamEntry| {
                signal.notify_one();
                std::future::pending::<Result<(), HandlerError>>()
            };
            let never = CancellationToken::new();
            let task = tokio::spawn(consume(redis.clone(), config("a"), handler, never));
            // Ends as the process would: in the middle of the handler, or having parked.
            let parked = async { while dead(&redis).await.is_empty() {} };
            tokio::select! {
                entering = timeout(DEADLINE, entered.notified()) => entering.unwrap(),
                parking = timeout(DEADLINE, parked) => parking.unwrap(),
            }
            task.abort();
            let _ = task.await;
            deaths += 1;
        }
        let error = &dead(&redis).await[0]["error"];
        assert_eq!(error, "tried too often without an answer");
    }
}
