//! PostgreSQL and Redis go away and come back while people use the graph.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use atelier_local::{PostgresOptions, PrivatePostgres, PrivateRedis, RedisOptions};
use serde_json::{Value, json};

use crate::{
    harness::{Atelier, Client, Place, eventually},
    uploads::{picture, task_ended, upload},
};

/// Queries without end; counts good answers and insists that bad ones are typed errors.
async fn keep_asking(client: Client, good: Arc<AtomicUsize>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let answer = client
            .send(
                "{ viewer { id user { username } tasks(first: 1) { nodes { id } } } }",
                json!({}),
            )
            .await
            .expect("an answer in any case");
        match answer.get("errors").and_then(Value::as_array) {
            None => drop(good.fetch_add(1, Ordering::SeqCst)),
            Some(errors) => {
                for error in errors {
                    assert!(
                        error
                            .pointer("/extensions/code")
                            .is_some_and(Value::is_string),
                        "{error}"
                    );
                }
            }
        }
    }
}

async fn survives<T>(place: Place, restart: impl AsyncFnOnce() -> T) {
    let mut atelier = Atelier::up(&place).await;
    let ada = atelier.client.registered("ada").await;
    let (good, stop) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let asking: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(keep_asking(
                ada.clone(),
                Arc::clone(&good),
                Arc::clone(&stop),
            ))
        })
        .collect();
    let more = async |count: usize| {
        let goal = good.load(Ordering::SeqCst) + count;
        eventually("good answers", || async {
            (good.load(Ordering::SeqCst) >= goal).then_some(())
        })
        .await;
    };
    more(20).await;
    let _restarted = restart().await;
    more(50).await;
    stop.store(true, Ordering::SeqCst);
    for asking in asking {
        asking.await.unwrap();
    }
    // Writing, events, tasks and subscriptions work again too.
    let uploaded = eventually("an upload", || upload(&ada, "after.png", picture(7))).await;
    assert_eq!(
        task_ended(&ada, &uploaded.task).await["status"],
        "SUCCEEDED"
    );
    atelier.process.stop().await;
}

fn at(place: &mut Place, name: &str, value: String) {
    place
        .variables
        .iter_mut()
        .find(|(known, _)| known == name)
        .expect("a known variable")
        .1 = value;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_postgresql_under_load_is_survived() {
    let mut place = Place::new().await;
    let dir = place.dir.path().join("own-postgres");
    let postgres = PrivatePostgres::start(&dir, PostgresOptions::default())
        .await
        .unwrap();
    at(&mut place, "ATELIER_DATABASE_URL", postgres.url());
    survives(place, async || {
        postgres.stop().await;
        PrivatePostgres::start(&dir, PostgresOptions::default())
            .await
            .unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_redis_under_load_is_survived() {
    let mut place = Place::new().await;
    let dir = place.dir.path().join("own-redis");
    let redis = PrivateRedis::start(&dir, RedisOptions::default())
        .await
        .unwrap();
    at(&mut place, "ATELIER_REDIS_URL", redis.url());
    survives(place, async || {
        redis.stop().await;
        PrivateRedis::start(&dir, RedisOptions::default())
            .await
            .unwrap()
    })
    .await;
}
