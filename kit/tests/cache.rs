//! What callers of a cache can rely on, with a real Redis and without one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use atelier_kit::cache::Cache;
use atelier_kit::redis::{Redis, RedisConfig, cmd};
use atelier_local::{PrivateRedis, RedisOptions, test_servers};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(30);
const TTL: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
}

fn ada() -> Profile {
    Profile {
        name: "Ada".to_owned(),
    }
}

fn named(name: &str) -> Profile {
    Profile {
        name: name.to_owned(),
    }
}

async fn shared(test: &str) -> Redis {
    let config = RedisConfig::new(&test_servers().await.redis_url);
    let prefix = format!("kit-cache:{test}:{}", std::process::id());
    Redis::connect_with(config.prefix(prefix)).await.unwrap()
}

fn cache(redis: &Redis) -> Cache<Profile> {
    Cache::new(redis.clone(), "profiles", TTL)
}

async fn found(cache: &Cache<Profile>, value: Option<Profile>) -> Option<Profile> {
    let loaded = cache.get_or_load("k", async || Ok::<_, Infallible>(value));
    timeout(DEADLINE, loaded).await.unwrap().unwrap()
}

/// The cached value; fails the test if the loader is asked.
async fn cached(cache: &Cache<Profile>) -> Option<Profile> {
    let nothing = async || Err::<Option<Profile>, _>("the loader was asked");
    cache.get_or_load("k", nothing).await.unwrap()
}

#[tokio::test]
async fn a_value_is_loaded_once_and_then_shared_by_all_processes() {
    let redis = shared("once").await;
    assert_eq!(found(&cache(&redis), Some(ada())).await, Some(ada()));
    assert_eq!(cached(&cache(&redis)).await, Some(ada()));
}

#[tokio::test]
async fn absence_is_remembered_too() {
    let redis = shared("absent").await;
    assert_eq!(found(&cache(&redis), None).await, None);
    assert_eq!(cached(&cache(&redis)).await, None);
}

#[tokio::test]
async fn absence_is_believed_for_less_time_than_a_value_and_lifetimes_vary() {
    let redis = shared("ttl").await;
    let cache = cache(&redis);
    let mut lifetimes = Vec::new();
    for key in 0..50 {
        let load = async || Ok::<_, Infallible>(Some(ada()));
        cache.get_or_load(&key.to_string(), load).await.unwrap();
        let stored = redis.key(format!("cache:profiles:{key}"));
        lifetimes.push(redis.query::<u64>(cmd("PTTL").arg(stored)).await.unwrap());
    }
    assert!(lifetimes.iter().all(|ms| (500_000..=600_000).contains(ms)));
    let (least, most) = (lifetimes.iter().min(), lifetimes.iter().max());
    assert!(most.unwrap() - least.unwrap() > 5_000, "{lifetimes:?}");

    found(&cache, None).await;
    let stored = redis.key("cache:profiles:k");
    let absent: u64 = redis.query(cmd("PTTL").arg(stored)).await.unwrap();
    assert!((1..=30_000).contains(&absent), "{absent}");
}

#[tokio::test]
async fn a_failed_load_is_told_and_not_remembered() {
    let redis = shared("failed").await;
    let cache = cache(&redis);
    let failing = async || Err::<Option<Profile>, _>("database down");
    let error = cache.get_or_load("k", failing).await.unwrap_err();
    assert_eq!(error, "database down");
    assert_eq!(found(&cache, Some(ada())).await, Some(ada()));
}

#[tokio::test]
async fn many_callers_at_once_cause_one_load() {
    let redis = shared("flight").await;
    let cache = cache(&redis);
    let loads = Arc::new(AtomicUsize::new(0));
    let (entered, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let cache = cache.clone();
            let (loads, entered, released) = (loads.clone(), entered.clone(), released.clone());
            tokio::spawn(async move {
                let load = async || {
                    loads.fetch_add(1, Ordering::Relaxed);
                    entered.notify_one();
                    released.notified().await;
                    Ok::<_, Infallible>(Some(ada()))
                };
                cache.get_or_load("k", load).await.unwrap()
            })
        })
        .collect();
    timeout(DEADLINE, entered.notified()).await.unwrap();
    released.notify_one();
    for caller in callers {
        let value = timeout(DEADLINE, caller).await.unwrap().unwrap();
        assert_eq!(value, Some(ada()));
    }
    assert_eq!(loads.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn when_the_loading_caller_goes_away_another_takes_over() {
    let redis = shared("abandoned").await;
    let cache = cache(&redis);
    let entered = Arc::new(Notify::new());
    let (stuck_cache, signal) = (cache.clone(), entered.clone());
    let stuck = tokio::spawn(async move {
        let load = async || {
            signal.notify_one();
            std::future::pending::<Result<Option<Profile>, Infallible>>().await
        };
        stuck_cache.get_or_load("k", load).await
    });
    timeout(DEADLINE, entered.notified()).await.unwrap();
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { found(&cache, Some(ada())).await }
    });
    stuck.abort();
    let value = timeout(DEADLINE, waiting).await.unwrap().unwrap();
    assert_eq!(value, Some(ada()));
}

#[tokio::test]
async fn a_load_that_began_before_a_change_cannot_bring_the_old_value_back() {
    let redis = shared("stale").await;
    let reader = cache(&redis);
    let writer = cache(&redis);
    let load = async || {
        // The row was read; now somebody changes it and says so.
        writer.invalidate("k").await;
        Ok::<_, Infallible>(Some(named("old")))
    };
    reader.get_or_load("k", load).await.unwrap();
    assert_eq!(found(&reader, Some(named("new"))).await, Some(named("new")));
}

#[tokio::test]
async fn callers_after_a_change_do_not_join_a_load_from_before_it() {
    let redis = shared("stale-flight").await;
    let cache = cache(&redis);
    let load = async || {
        cache.invalidate("k").await;
        // Still in the air, and yet not shared.
        assert_eq!(found(&cache, Some(named("new"))).await, Some(named("new")));
        Ok::<_, Infallible>(Some(named("old")))
    };
    timeout(DEADLINE, cache.get_or_load("k", load))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_value_that_was_put_is_found() {
    let redis = shared("put").await;
    let cache = cache(&redis);
    cache.invalidate("k").await;
    cache.put("k", &ada()).await;
    assert_eq!(cached(&cache).await, Some(ada()));
}

#[tokio::test]
async fn what_another_version_stored_is_loaded_anew() {
    let redis = shared("version").await;
    for stored in ["+{\"other\":1}", "garbage", ""] {
        let mut command = cmd("SET");
        command.arg(redis.key("cache:profiles:k")).arg(stored);
        redis.query::<()>(&command).await.unwrap();
        assert_eq!(found(&cache(&redis), Some(ada())).await, Some(ada()));
        assert_eq!(cached(&cache(&redis)).await, Some(ada()));
    }
}

#[tokio::test]
async fn of_many_keys_only_the_missing_ones_are_loaded_in_one_call() {
    let redis = shared("many").await;
    let cache = cache(&redis);
    cache.put("a", &named("a")).await;
    let keys = ["a", "b", "c", "b"].map(str::to_owned);
    let calls = AtomicUsize::new(0);
    let load = async |missing: Vec<String>| {
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(missing, ["b", "c"]);
        Ok::<_, Infallible>(HashMap::from([("b".to_owned(), named("b"))]))
    };
    let found = cache.get_many(&keys, load).await.unwrap();
    let expected = HashMap::from(["a", "b"].map(|key| (key.to_owned(), named(key))));
    assert_eq!(found, expected);
    assert_eq!(calls.load(Ordering::Relaxed), 1);

    let again = cache
        .get_many(&keys, async |_| Err("the loader was asked"))
        .await;
    assert_eq!(again.unwrap(), expected);
}

#[tokio::test]
async fn without_redis_every_call_goes_to_the_loader() {
    let port = atelier_local::free_port().unwrap();
    let redis = Redis::lazy(RedisConfig::new(format!("redis://127.0.0.1:{port}"))).unwrap();
    let cache: Cache<Profile> = Cache::builder(redis, "profiles", TTL)
        .local(100, Duration::from_millis(1))
        .build();
    for name in ["one", "two"] {
        let keys = ["x".to_owned()];
        let value = named(name);
        let load = async |_| Ok::<_, Infallible>(HashMap::from([("x".to_owned(), value)]));
        let found = timeout(DEADLINE, cache.get_many(&keys, load))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found["x"], named(name));
        cache.invalidate("x").await;
    }
    assert_eq!(found(&cache, Some(ada())).await, Some(ada()));
}

#[tokio::test]
async fn a_cache_works_again_after_redis_was_restarted() {
    let dir = TempDir::new().unwrap();
    let start = async || {
        PrivateRedis::start(dir.path(), RedisOptions::default())
            .await
            .unwrap()
    };
    let server = start().await;
    let redis = Redis::connect(&server.url()).await.unwrap();
    let cache = cache(&redis);
    assert_eq!(
        found(&cache, Some(named("before"))).await,
        Some(named("before"))
    );
    server.stop().await;
    assert_eq!(
        found(&cache, Some(named("during"))).await,
        Some(named("during"))
    );

    let _server = start().await;
    // After a rest the cache asks Redis again, which still has the value from before.
    let back = async { while found(&cache, None).await != Some(named("before")) {} };
    timeout(DEADLINE, back).await.unwrap();
}

/// Two processes with memory of their own.
async fn two_processes(test: &str) -> [Cache<Profile>; 2] {
    let config = RedisConfig::new(&test_servers().await.redis_url);
    let prefix = format!("kit-cache:{test}:{}", std::process::id());
    let mut processes = Vec::new();
    for _ in 0..2 {
        let config = config.clone().prefix(prefix.clone());
        let redis = Redis::connect_with(config).await.unwrap();
        let builder = Cache::<Profile>::builder(redis, "profiles", TTL);
        processes.push(builder.local(100, TTL).build());
    }
    processes.try_into().unwrap_or_else(|_| unreachable!())
}

#[tokio::test]
async fn a_change_in_one_process_reaches_the_memory_of_the_others() {
    let [one, other] = two_processes("memory").await;
    assert_eq!(found(&one, Some(named("old"))).await, Some(named("old")));
    assert_eq!(found(&other, None).await, Some(named("old")));

    one.put("k", &named("new")).await;
    assert_eq!(cached(&one).await, Some(named("new")));
    let told = async { while cached(&other).await != Some(named("new")) {} };
    timeout(DEADLINE, told).await.unwrap();
}

#[tokio::test]
async fn memory_answers_without_asking_redis() {
    let redis = shared("local").await;
    let cache: Cache<Profile> = Cache::builder(redis.clone(), "profiles", TTL)
        .local(100, TTL)
        .build();
    let stored = redis.key("cache:profiles:k");
    // The memory is emptied when the announcements begin to be heard, so it may take two turns.
    let kept = async {
        loop {
            assert_eq!(found(&cache, Some(ada())).await, Some(ada()));
            redis.query::<i64>(cmd("DEL").arg(&stored)).await.unwrap();
            if found(&cache, Some(named("asked"))).await == Some(ada()) {
                break;
            }
            cache.invalidate("k").await;
            redis.query::<i64>(cmd("DEL").arg(&stored)).await.unwrap();
        }
    };
    timeout(DEADLINE, kept).await.unwrap();
}
