//! Entries go to whom they concern, and cost others nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use atelier_kit::stream::{Hub, HubSubscription, Interest, StreamCursor, StreamItem};
use futures::StreamExt;

use crate::{append, next, next_number, numbers_until, shared};

#[tokio::test]
async fn an_entry_reaches_those_whom_it_concerns() {
    let redis = shared("concerned").await;
    let hub = Hub::new(redis.clone());
    let of = async |ids: &[&str]| {
        let interest = Interest::ids(ids);
        hub.subscribe("s", None, interest).await.unwrap()
    };
    let mut one = of(&["evt_1"]).await;
    let mut as_well = of(&["evt_1", "evt_3", "evt_1"]).await;
    let mut two = of(&["evt_2"]).await;
    let mut all = hub.subscribe("s", None, Interest::All).await.unwrap();
    append(&redis, "s", 0..4).await;
    append(&redis, "s", 1..4).await;
    assert_eq!(numbers_until(&mut all, 3).await, [0, 1, 2, 3]);
    assert_eq!(numbers_until(&mut all, 3).await, [1, 2, 3]);
    assert_eq!(next_number(&mut one).await, 1);
    assert_eq!(next_number(&mut one).await, 1);
    assert_eq!(next_number(&mut two).await, 2);
    assert_eq!(numbers_until(&mut as_well, 3).await, [1, 3]);
    assert_eq!(numbers_until(&mut as_well, 3).await, [1, 3]);
}

#[tokio::test]
async fn what_concerns_others_does_not_even_wake_a_subscriber() {
    let redis = shared("asleep").await;
    let hub = Hub::new(redis.clone());
    let interest = Interest::ids(["evt_500"]);
    let mut asleep = hub.subscribe("s", None, interest).await.unwrap();
    let wakes = Arc::new(Wakes::default());
    assert!(poll(&mut asleep, &wakes).is_pending());
    let mut others = hub.subscribe("s", None, Interest::All).await.unwrap();
    append(&redis, "s", 0..500).await;
    // The hub hands out an entry to all at once: whoever is woken by the last is woken now.
    numbers_until(&mut others, 499).await;
    assert_eq!(wakes.count(), 0);
    append(&redis, "s", 500..501).await;
    numbers_until(&mut others, 500).await;
    assert_eq!(next_number(&mut asleep).await, 500);
    assert_eq!(wakes.count(), 1);
}

#[tokio::test]
async fn what_concerns_others_makes_nobody_lag() {
    let redis = shared("unhurried").await;
    let hub = Hub::with_buffer(redis.clone(), 4);
    let interest = Interest::ids(["evt_7", "evt_99"]);
    let mut unhurried = hub.subscribe("s", None, interest).await.unwrap();
    let mut quick = hub.subscribe("s", None, Interest::All).await.unwrap();
    for at in 0..100 {
        append(&redis, "s", at..at + 1).await;
        assert_eq!(next_number(&mut quick).await, at);
    }
    assert_eq!(numbers_until(&mut unhurried, 99).await, [7, 99]);
}

#[tokio::test]
async fn resuming_replays_what_concerns_the_subscriber() {
    let redis = shared("replayed").await;
    let cursors = append(&redis, "s", 0..1000).await;
    let hub = Hub::new(redis.clone());
    let interest = Interest::ids(["evt_3", "evt_700", "evt_1000", "evt_2"]);
    let resume = Some(cursors[2]);
    let mut resumed = hub.subscribe("s", resume, interest.clone()).await.unwrap();
    append(&redis, "s", 1000..1001).await;
    assert_eq!(numbers_until(&mut resumed, 1000).await, [3, 700, 1000]);
    let start = Some(StreamCursor::START);
    let mut all = hub.subscribe("s", start, interest).await.unwrap();
    assert_eq!(numbers_until(&mut all, 1000).await, [2, 3, 700, 1000]);
}

#[tokio::test]
async fn subscribers_come_and_go() {
    let redis = shared("comings").await;
    let hub = Hub::new(redis.clone());
    for at in 0..50 {
        let interest = Interest::ids([format!("evt_{at}")]);
        let mut stays = hub.subscribe("s", None, interest.clone()).await.unwrap();
        let leaves = hub.subscribe("s", None, interest).await.unwrap();
        drop(leaves);
        append(&redis, "s", at..at + 1).await;
        assert_eq!(next_number(&mut stays).await, at);
    }
}

#[tokio::test]
async fn whoever_waits_hears_of_the_end() {
    let redis = shared("ended").await;
    let hub = Hub::new(redis.clone());
    let interest = Interest::ids(["evt_1"]);
    let mut waiting = hub.subscribe("s", None, interest).await.unwrap();
    drop(hub);
    assert_eq!(waiting.next().await, None);
}

#[tokio::test]
async fn a_subscriber_that_lags_gets_what_it_was_handed_first() {
    let redis = shared("handed").await;
    let hub = Hub::with_buffer(redis.clone(), 2);
    let interest = Interest::ids((0..10).map(|n| format!("evt_{n}")));
    let mut slow = hub.subscribe("s", None, interest).await.unwrap();
    let mut quick = hub.subscribe("s", None, Interest::All).await.unwrap();
    for at in 0..10 {
        append(&redis, "s", at..at + 1).await;
        assert_eq!(next_number(&mut quick).await, at);
    }
    assert_eq!(next_number(&mut slow).await, 0);
    assert_eq!(next_number(&mut slow).await, 1);
    assert_eq!(next(&mut slow).await, StreamItem::Lagged);
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(subscription: &mut HubSubscription, wakes: &Arc<Wakes>) -> Poll<Option<StreamItem>> {
    let waker = Waker::from(Arc::clone(wakes));
    subscription.poll_next_unpin(&mut Context::from_waker(&waker))
}
