//! Following a stream for a subscription.

use atelier_kit::redis::cmd;
use atelier_kit::stream::{Hub, Interest, StreamCursor, StreamItem, StreamWriter};
use futures::StreamExt;
use tokio::time::timeout;

use crate::{DEADLINE, KEEP_ALL, append, next, next_number, number, numbers_until, shared};

#[tokio::test]
async fn without_a_cursor_only_what_comes_later_is_delivered() {
    let redis = shared("later").await;
    append(&redis, "s", 0..10).await;
    let hub = Hub::new(redis.clone());
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
    append(&redis, "s", 10..13).await;
    assert_eq!(numbers_until(&mut subscription, 12).await, [10, 11, 12]);
}

#[tokio::test]
async fn a_stream_can_be_followed_before_it_exists() {
    let redis = shared("unborn").await;
    let hub = Hub::new(redis.clone());
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
    append(&redis, "s", 0..1).await;
    assert_eq!(next_number(&mut subscription).await, 0);
}

#[tokio::test]
async fn an_entry_arrives_with_its_event_id_and_cursor() {
    let redis = shared("entry").await;
    let hub = Hub::new(redis.clone());
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
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
                let mut subscription = hub
                    .subscribe("s", Some(after), Interest::All)
                    .await
                    .unwrap();
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
    let mut subscription = hub.subscribe("s", start, Interest::All).await.unwrap();
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

    let mut old = hub
        .subscribe("s", Some(cursors[50]), Interest::All)
        .await
        .unwrap();
    assert_eq!(next(&mut old).await, StreamItem::TooOld);
    assert_eq!(old.next().await, None);

    let mut kept = hub
        .subscribe("s", Some(cursors[95]), Interest::All)
        .await
        .unwrap();
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
    // Fewer than before: within one millisecond the server would give out the same ids again.
    append(&redis, "s", 10..15).await;
    let hub = Hub::new(redis.clone());
    let mut subscription = hub
        .subscribe("s", Some(cursors[9]), Interest::All)
        .await
        .unwrap();
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
    let mut slow = hub.subscribe("s", None, Interest::All).await.unwrap();
    let mut quick = hub.subscribe("s", None, Interest::All).await.unwrap();
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
        subscriptions.push(hub.subscribe(&stream, None, Interest::All).await.unwrap());
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
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
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
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
    hub.shutdown();
    let ended = timeout(DEADLINE, subscription.next()).await.unwrap();
    assert_eq!(ended, None);
    assert!(hub.subscribe("s", None, Interest::All).await.is_err());
}
