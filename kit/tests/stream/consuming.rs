//! Working through a stream as a consumer group.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atelier_kit::stream::{HandlerError, StreamEntry, consume};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::group::{Group, config, dead, members, pending, until_nothing_is_pending};
use crate::{DEADLINE, append, shared};

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
        let (entered, released, finished) = (entered.clone(), released.clone(), finished.clone());
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
