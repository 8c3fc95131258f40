use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    task::Poll,
};

use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};

use super::*;

/// Doubles numbers; fails with 13, panics with 666, knows nothing below 0.
struct Doubles(Arc<AtomicUsize>);

impl Batch for Doubles {
    type Key = i32;
    type Value = i32;
    async fn load(&self, keys: Vec<i32>) -> Result<HashMap<i32, i32>, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        // As a statement does, it takes a while.
        tokio::task::yield_now().await;
        assert!(!keys.contains(&666), "a batch that panics");
        if keys.contains(&13) {
            return Err(Error::new(ErrorCode::Unavailable));
        }
        let known = keys.into_iter().filter(|key| *key >= 0);
        Ok(known.map(|key| (key, key * 2)).collect())
    }
}

#[derive(Default)]
struct Request {
    loaders: Arc<Loaders>,
    calls: Arc<AtomicUsize>,
}

impl Request {
    async fn load(&self, key: i32) -> Loaded<i32> {
        let batch = || Doubles(Arc::clone(&self.calls));
        self.loaders.load(batch, key).await
    }

    async fn run<F: Future>(&self, resolvers: F) -> F::Output {
        drive(Arc::clone(&self.loaders), resolvers).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn keys_asked_for_together_are_loaded_together() {
    let request = Request::default();
    let keys = (-1..100).filter(|key| *key != 13);
    let loads = join_all(keys.map(|key| request.load(key)));
    let loaded = request.run(loads).await;
    assert_eq!(loaded[0].as_ref().unwrap(), &None);
    assert_eq!(loaded[99].as_ref().unwrap(), &Some(198));
    assert_eq!(request.calls(), 1);
}

#[tokio::test]
async fn what_was_loaded_stays_until_it_is_forgotten() {
    let request = Request::default();
    let resolvers = async {
        let twice = join_all([request.load(5), request.load(5)]).await;
        assert!(twice.iter().all(|loaded| matches!(loaded, Ok(Some(10)))));
        request.load(5).await.unwrap();
        assert_eq!(request.calls(), 1);
        request.loaders.clear();
        request.load(5).await.unwrap();
        assert_eq!(request.calls(), 2);
    };
    request.run(resolvers).await;
}

#[tokio::test]
async fn a_failed_batch_fails_its_keys_only() {
    let request = Request::default();
    let resolvers = async {
        let together = join_all([request.load(13), request.load(2)]).await;
        for loaded in together {
            assert_eq!(loaded.unwrap_err().code(), ErrorCode::Unavailable);
        }
        assert_eq!(request.load(1).await.unwrap(), Some(2));
    };
    request.run(resolvers).await;
}

#[tokio::test]
async fn a_batch_that_panics_fails_its_keys_only() {
    let request = Request::default();
    let resolvers = async {
        let error = request.load(666).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Internal);
        assert_eq!(request.load(1).await.unwrap(), Some(2));
    };
    request.run(resolvers).await;
}

#[tokio::test]
async fn a_field_that_is_given_up_takes_no_other_along() {
    let request = Request::default();
    let resolvers = async {
        let mut given_up = Box::pin(request.load(1));
        assert!(futures::poll!(&mut given_up).is_pending());
        let mut stays = Box::pin(request.load(2));
        assert!(futures::poll!(&mut stays).is_pending());
        // The batch is under way when the first of its fields goes.
        tokio::task::yield_now().await;
        drop(given_up);
        assert_eq!(stays.await.unwrap(), Some(4));
        assert_eq!(request.calls(), 1);
    };
    request.run(resolvers).await;
}

#[tokio::test]
async fn many_keys_are_loaded_in_statements_of_a_thousand() {
    let request = Request::default();
    let loads = join_all((1000..3500).map(|key| request.load(key)));
    let loaded = request.run(loads).await;
    assert_eq!(loaded[2499].as_ref().unwrap(), &Some(6998));
    assert_eq!(request.calls(), 3);
}

#[tokio::test]
async fn a_key_outside_of_a_request_is_loaded_by_itself() {
    let request = Request::default();
    assert_eq!(request.load(4).await.unwrap(), Some(8));
}

/// Runs when it has been polled a number of times, in one of the ways in which futures put off what
/// they could do.
async fn put_off(key: i32) {
    for _ in 0..key % 7 {
        match key % 4 {
            // At once, as many combinators do.
            0 => put_off_once().await,
            // Through the runtime.
            1 => tokio::task::yield_now().await,
            // By using up what the runtime allows in one turn.
            2 => {
                for _ in 0..200 {
                    tokio::task::consume_budget().await;
                }
            }
            // Nested.
            _ => {
                let inner: FuturesUnordered<_> = (0..3).map(|_| tokio::task::yield_now()).collect();
                inner.collect::<Vec<()>>().await;
            }
        }
    }
}

async fn put_off_once() {
    let mut put_off = false;
    futures::future::poll_fn(|cx| {
        if std::mem::replace(&mut put_off, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Keeps the runtime's threads at work and its tasks moving between them.
fn busy(stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<()>> {
    let spinner = |_| {
        let stop = Arc::clone(stop);
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                tokio::spawn(async { std::hint::black_box((0..2000).sum::<u64>()) });
                tokio::task::yield_now().await;
            }
        })
    };
    (0..8).map(spinner).collect()
}

async fn one_batch_whatever_fields_do_first() {
    let request = Request::default();
    let loads = join_all((14..514).map(|key| {
        let request = &request;
        async move {
            put_off(key).await;
            request.load(key).await
        }
    }));
    let loaded = request.run(loads).await;
    assert!(loaded.iter().all(|loaded| matches!(loaded, Ok(Some(_)))));
    assert_eq!(request.calls(), 1);
}

#[tokio::test]
async fn fields_that_put_off_what_they_can_do_share_a_batch() {
    one_batch_whatever_fields_do_first().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fields_share_a_batch_on_a_busy_machine() {
    let stop = Arc::new(AtomicBool::new(false));
    let spinners = busy(&stop);
    let requests = (0..50).map(|_| tokio::spawn(one_batch_whatever_fields_do_first()));
    for request in join_all(requests).await {
        request.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    join_all(spinners).await;
}

#[tokio::test]
async fn each_event_of_a_subscription_has_a_batch() {
    let request = Arc::new(Request::default());
    let events = stream::iter(0..3).then({
        let request = Arc::clone(&request);
        move |event| {
            let request = Arc::clone(&request);
            request.loaders.clear();
            async move {
                let loads = (0..10).map(|key| request.load(20 + event * 5 + key));
                join_all(loads).await.len()
            }
        }
    });
    let events = drive_stream(Arc::clone(&request.loaders), Box::pin(events));
    assert_eq!(events.collect::<Vec<_>>().await, [10, 10, 10]);
    assert_eq!(request.calls(), 3);
}

#[test]
fn batches_need_no_runtime() {
    let request = Request::default();
    let loads = join_all((20..30).map(|key| request.load(key)));
    futures::executor::block_on(request.run(loads));
    assert_eq!(request.calls(), 1);
}
