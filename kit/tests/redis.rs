//! Redis handles against real servers, including servers that go away.

use std::time::Duration;

use atelier_kit::redis::{Redis, RedisConfig, Signal, Subscription, cmd};
use atelier_local::{PrivateRedis, RedisOptions, test_servers};
use tempfile::TempDir;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);

/// A server of the test's own, which can be stopped and started again with its data.
struct Server {
    dir: TempDir,
    running: Option<PrivateRedis>,
}

impl Server {
    async fn start() -> Self {
        let mut server = Self {
            dir: TempDir::new().unwrap(),
            running: None,
        };
        server.start_again().await;
        server
    }

    async fn start_again(&mut self) {
        let started = PrivateRedis::start(self.dir.path(), RedisOptions::default()).await;
        self.running = Some(started.unwrap());
    }

    async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    fn url(&self) -> String {
        self.running.as_ref().unwrap().url()
    }
}

async fn shared(prefix: &str) -> Redis {
    let config = RedisConfig::new(&test_servers().await.redis_url);
    Redis::connect_with(config.prefix(format!("kit-redis:{prefix}")))
        .await
        .unwrap()
}

async fn next(subscription: &mut Subscription) -> Signal {
    timeout(DEADLINE, subscription.recv())
        .await
        .expect("a signal in time")
        .expect("subscriptions do not end")
}

fn message(text: &str) -> Signal {
    Signal::Message(text.as_bytes().into())
}

#[tokio::test]
async fn commands_work_again_after_the_server_was_restarted() {
    let mut server = Server::start().await;
    let redis = Redis::connect(&server.url()).await.unwrap();
    let key = redis.key("kept");
    redis
        .query::<()>(cmd("SET").arg(&key).arg("value"))
        .await
        .unwrap();

    server.stop().await;
    let refused = redis.query_once::<String>(cmd("GET").arg(&key)).await;
    assert!(refused.is_err());
    server.start_again().await;

    let value: String = timeout(DEADLINE, async {
        loop {
            if let Ok(value) = redis.query(cmd("GET").arg(&key)).await {
                break value;
            }
        }
    })
    .await
    .expect("the handle reconnects by itself");
    assert_eq!(value, "value");
}

#[tokio::test]
async fn connecting_to_a_server_that_is_not_there_fails_instead_of_hanging() {
    let port = atelier_local::free_port().unwrap();
    let url = format!("redis://127.0.0.1:{port}");
    let error = timeout(DEADLINE, Redis::connect(&url))
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.is_connection_refusal(), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = Server::start().await;
    let url = server.url();
    let (_, address) = url.split_once('@').unwrap();
    let error = Redis::connect(&format!("redis://:wrong@{address}"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), redis::ErrorKind::AuthenticationFailed);
}

#[tokio::test]
async fn handles_never_print_the_password() {
    let config = RedisConfig::new("redis://:s3cret@127.0.0.1:1");
    let redis = Redis::lazy(config.clone()).unwrap();
    for printed in [format!("{config:?}"), format!("{redis:?}")] {
        assert!(!printed.contains("s3cret"), "{printed}");
    }
}

#[tokio::test]
async fn prefixes_keep_installations_apart() {
    let (one, other) = (shared("one").await, shared("other").await);
    one.query::<()>(cmd("SET").arg(one.key("k")).arg(1))
        .await
        .unwrap();
    let seen: Option<i32> = other.query(cmd("GET").arg(other.key("k"))).await.unwrap();
    assert_eq!(seen, None);
}

#[tokio::test]
async fn a_blocking_read_may_be_quiet_for_longer_than_a_command() {
    let redis = shared("blocking").await;
    let mut connection = redis.blocking().await.unwrap();
    let mut command = cmd("BLPOP");
    command.arg(redis.key("never")).arg(2.3);
    let answer: Result<Option<(String, String)>, _> = command.query_async(&mut connection).await;
    assert_eq!(answer.unwrap(), None);
}

#[tokio::test]
async fn every_subscriber_of_a_channel_gets_every_message() {
    let redis = shared("fanout").await;
    let mut first = redis.subscribe("news");
    assert_eq!(next(&mut first).await, Signal::Subscribed);
    let mut second = redis.subscribe("news");
    let mut elsewhere = redis.subscribe("other");
    assert_eq!(next(&mut second).await, Signal::Subscribed);
    assert_eq!(next(&mut elsewhere).await, Signal::Subscribed);

    redis.publish("news", b"one").await.unwrap();
    assert_eq!(next(&mut first).await, message("one"));
    assert_eq!(next(&mut second).await, message("one"));

    drop(first);
    redis.publish("news", b"two").await.unwrap();
    assert_eq!(next(&mut second).await, message("two"));

    redis.publish("other", b"three").await.unwrap();
    assert_eq!(next(&mut elsewhere).await, message("three"));
}

#[tokio::test]
async fn a_channel_can_be_subscribed_to_again_after_everybody_left() {
    let redis = shared("again").await;
    for round in ["one", "two", "three"] {
        let mut subscription = redis.subscribe("news");
        assert_eq!(next(&mut subscription).await, Signal::Subscribed);
        redis.publish("news", round.as_bytes()).await.unwrap();
        assert_eq!(next(&mut subscription).await, message(round));
    }
}

#[tokio::test]
async fn subscriptions_come_back_after_a_restart_and_say_so() {
    let mut server = Server::start().await;
    let redis = Redis::connect(&server.url()).await.unwrap();
    let mut subscription = redis.subscribe("news");
    assert_eq!(next(&mut subscription).await, Signal::Subscribed);

    server.stop().await;
    assert_eq!(next(&mut subscription).await, Signal::Lost);
    server.start_again().await;

    assert_eq!(next(&mut subscription).await, Signal::Subscribed);
    redis.publish("news", b"back").await.unwrap();
    assert_eq!(next(&mut subscription).await, message("back"));
}

#[tokio::test]
async fn a_slow_subscriber_learns_that_it_missed_messages_and_others_do_not_suffer() {
    const MESSAGES: usize = 3000;
    let redis = shared("slow").await;
    let mut slow = redis.subscribe("flood");
    let mut quick = redis.subscribe("flood");
    assert_eq!(next(&mut slow).await, Signal::Subscribed);
    assert_eq!(next(&mut quick).await, Signal::Subscribed);

    let publisher = redis.clone();
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let payload = number.to_string();
            publisher
                .publish("flood", payload.as_bytes())
                .await
                .unwrap();
        }
    });
    for number in 0..MESSAGES {
        assert_eq!(next(&mut quick).await, message(&number.to_string()));
    }
    publishing.await.unwrap();

    let mut received = 0;
    while next(&mut slow).await != Signal::Missed {
        received += 1;
        // The end of the flood is known only once more has been published.
        if received == 1 {
            redis.publish("flood", b"last").await.unwrap();
        }
    }
    assert!(received < MESSAGES, "{received}");
}
