//! Tasks that are enqueued one by one at the same time.

use std::pin::pin;

use atelier_kit::{id::Task, jobs::NewTask, transaction::ReadConnection};
use atelier_tasks::engine::Enqueued;
use chrono::{DateTime, Utc};
use diesel_async::RunQueryDsl;
use futures::{future::join_all, poll};

use crate::support::{World, world};

/// Holds up whoever writes tasks until it is let go.
struct Held(ReadConnection);

impl Held {
    async fn tasks_of(world: &World) -> Self {
        let mut held = Self(world.engine.deps().read().await.unwrap());
        held.run("BEGIN").await;
        held.run("LOCK TABLE tasks.task IN SHARE MODE").await;
        held
    }

    async fn run(&mut self, statement: &str) {
        diesel::sql_query(statement)
            .execute(&mut *self.0)
            .await
            .unwrap();
    }

    async fn let_go(mut self) {
        self.run("ROLLBACK").await;
    }
}

/// Enqueues tasks at the same time, each by itself: none is committed before all have been asked for.
async fn together(world: &World, tasks: &[NewTask]) -> Vec<Result<Enqueued, String>> {
    let held = Held::tasks_of(world).await;
    let enqueue = |task: &NewTask| {
        let (engine, task) = (world.engine.clone(), task.clone());
        async move {
            let enqueued = engine.enqueue(&[task]).await;
            enqueued
                .map(|outcomes| outcomes[0])
                .map_err(|error| error.code().spec().name.to_owned())
        }
    };
    let mut all = pin!(join_all(tasks.iter().map(enqueue)));
    assert!(poll!(&mut all).is_pending());
    held.let_go().await;
    all.await
}

#[tokio::test(flavor = "multi_thread")]
async fn they_share_a_transaction() {
    let world = world().await;
    let statements = || world.engine.deps().db.statements();
    together(&world, &[world.task(None)]).await;
    let before = statements();
    together(&world, &[world.task(None)]).await;
    let alone = statements() - before;
    let tasks: Vec<_> = (0..200).map(|_| world.task(None)).collect();
    let before = statements();
    let outcomes = together(&world, &tasks).await;
    let all = statements() - before;
    assert_eq!(outcomes, vec![Ok(Enqueued::Accepted); 200]);
    assert!(
        all <= 2 * alone,
        "who was first may have gone ahead, the others go together: {all} statements, {alone} for one"
    );
    assert_eq!(world.lease(500).await.len(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_has_an_outcome_of_its_own() {
    let world = world().await;
    let unique = || NewTask {
        unique_key: Some("k".to_owned()),
        ..world.task(None)
    };
    let (first, second, plain) = (unique(), unique(), world.task(None));
    let tasks = [first.clone(), plain.clone(), second, plain];
    let outcomes = together(&world, &tasks).await;
    let expected = [
        Enqueued::Accepted,
        Enqueued::Accepted,
        Enqueued::Duplicate(Some(first.id)),
        Enqueued::Known,
    ];
    assert_eq!(outcomes, expected.map(Ok));
    assert_eq!(world.lease(5).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fails_does_not_fail_the_others() {
    let world = world().await;
    let mut tasks: Vec<_> = (0..10).map(|_| world.task(None)).collect();
    // Before PostgreSQL's calendar begins.
    tasks[5].run_at = Some(DateTime::<Utc>::MIN_UTC);
    let outcomes = together(&world, &tasks).await;
    for (at, outcome) in outcomes.into_iter().enumerate() {
        let expected = match at {
            5 => Err("BAD_USER_INPUT".to_owned()),
            _ => Ok(Enqueued::Accepted),
        };
        assert_eq!(outcome, expected, "{at}");
    }
    assert_eq!(world.status(tasks[5].id).await, "none");
    assert_eq!(world.lease(20).await.len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_caller_goes_away_does_not_hold_up_the_others() {
    let world = world().await;
    let held = Held::tasks_of(&world).await;
    let tasks: Vec<_> = (0..3).map(|_| world.task(None)).collect();
    let ids: Vec<atelier_kit::id::Id<Task>> = tasks.iter().map(|task| task.id).collect();
    let enqueue = |task: NewTask| {
        let engine = world.engine.clone();
        async move { engine.enqueue(&[task]).await.unwrap() }
    };
    let mut calls: Vec<_> = tasks
        .into_iter()
        .map(|task| Box::pin(enqueue(task)))
        .collect();
    for call in &mut calls {
        assert!(poll!(call).is_pending());
    }
    // It was the first, which made the transaction start.
    drop(calls.remove(0));
    held.let_go().await;
    assert_eq!(join_all(calls).await, vec![[Enqueued::Accepted]; 2]);
    for id in ids {
        assert_eq!(world.status(id).await, "QUEUED");
    }
}
