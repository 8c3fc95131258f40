//! Event streams against real servers, including servers that restart and forget.

mod consuming;
mod following;
mod group;
mod restarts;
mod routing;

use std::time::Duration;

use atelier_kit::redis::{Redis, RedisConfig};
use atelier_kit::stream::{HubSubscription, StreamCursor, StreamEntry, StreamItem, StreamWriter};
use atelier_local::test_servers;
use futures::StreamExt;
use tokio::time::timeout;

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
