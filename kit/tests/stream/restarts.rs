//! Servers that restart, with and without their data.

use atelier_kit::redis::Redis;
use atelier_kit::stream::{Hub, Interest, StreamItem, StreamWriter};
use atelier_local::{PrivateRedis, RedisOptions};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::group::{Group, config};
use crate::{DEADLINE, KEEP_ALL, append, next, next_number, numbers_until};

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

#[tokio::test]
async fn subscriptions_continue_after_a_restart_without_losing_anything() {
    let mut server = Server::start(true).await;
    let redis = server.redis().await;
    let hub = Hub::new(redis.clone());
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
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
    let mut subscription = hub.subscribe("s", None, Interest::All).await.unwrap();
    append(&redis, "s", 0..3).await;
    assert_eq!(numbers_until(&mut subscription, 2).await, [0, 1, 2]);

    server.restart().await;
    assert_eq!(next(&mut subscription).await, StreamItem::Lagged);

    let mut again = timeout(DEADLINE, async {
        loop {
            if let Ok(again) = hub.subscribe("s", None, Interest::All).await {
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
