//! Leases: who gets what, and what an old lease is worth.

use std::time::Duration;

use atelier_kit::jobs::NewTask;
use atelier_tasks::engine::{Outcome, Wanted};
use serde_json::{Value, json};

use crate::support::{wanted, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_of_one_owner_do_not_starve_anothers_only_one() {
    let world = world().await;
    let (greedy, modest) = (world.user(), world.user());
    let many: Vec<_> = (0..1000).map(|_| world.task(Some(greedy))).collect();
    world.engine.enqueue(&many).await.unwrap();
    for _ in 0..20 {
        assert_eq!(world.lease(1).await[0].owner, Some(greedy));
    }
    world.advance(3600);
    let only = world.enqueue(world.task(Some(modest))).await;
    let next: Vec<_> = [world.lease(1).await, world.lease(1).await]
        .concat()
        .iter()
        .map(|task| task.id)
        .collect();
    assert!(
        next.contains(&only),
        "it goes within the next turn of each, though the others wait for an hour"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_shared_among_owners() {
    let world = world().await;
    let owners = [world.user(), world.user(), world.user()];
    let many: Vec<_> = (0..90)
        .map(|nth| {
            world.task(Some(
                owners[usize::from(nth >= 60) + usize::from(nth >= 80)],
            ))
        })
        .collect();
    world.engine.enqueue(&many).await.unwrap();
    let leased = world.lease(9).await;
    for owner in owners {
        assert_eq!(
            leased
                .iter()
                .filter(|task| task.owner == Some(owner))
                .count(),
            3
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn priority_goes_first_until_waiting_outweighs_it() {
    let world = world().await;
    let normal = world.enqueue(world.task(None)).await;
    let urgent = world
        .enqueue(NewTask {
            priority: 5,
            ..world.task(None)
        })
        .await;
    assert_eq!(world.lease(1).await[0].id, urgent);
    world.advance(5 * 60 + 1);
    world
        .enqueue(NewTask {
            priority: 5,
            ..world.task(None)
        })
        .await;
    assert_eq!(
        world.lease(1).await[0].id,
        normal,
        "a priority is worth a minute of waiting"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_leases_never_share_a_task() {
    let world = world().await;
    let tasks: Vec<_> = (0..200).map(|_| world.task(None)).collect();
    world.engine.enqueue(&tasks).await.unwrap();
    let leases = (0..8).map(|_| async {
        let mut got = Vec::new();
        loop {
            let leased = world.lease(7).await;
            if leased.is_empty() {
                return got;
            }
            got.extend(leased.into_iter().map(|task| task.id));
        }
    });
    let mut got: Vec<_> = futures::future::join_all(leases).await.concat();
    // Whoever found nothing because others held the rest has left: the last ones took it all.
    got.sort();
    let count = got.len();
    got.dedup();
    assert_eq!((count, got.len()), (200, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_only_to_a_worker_that_has_what_it_requires() {
    let world = world().await;
    let requires = [("gpu".to_owned(), "1".to_owned())].into();
    let picky = world
        .enqueue(NewTask {
            requires,
            priority: 9,
            ..world.task(Some(world.user()))
        })
        .await;
    let plain = world.enqueue(world.task(None)).await;
    assert_eq!(
        world
            .lease(5)
            .await
            .iter()
            .map(|task| task.id)
            .collect::<Vec<_>>(),
        [plain]
    );
    let able = Wanted {
        capabilities: json!({"gpu": "1", "ram": "64"}),
        ..wanted(5)
    };
    assert_eq!(world.engine.lease(&able).await.unwrap()[0].id, picky);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_lease_changes_nothing() {
    let world = world().await;
    let id = world.enqueue(world.task(None)).await;
    let old = world.lease(1).await[0].lease_id;
    world.advance(31);
    assert_eq!(world.engine.rescue().await.unwrap(), 1);
    let new = world.lease(1).await[0].lease_id;
    for outcome in [
        Outcome::Succeeded(json!("late")),
        Outcome::Failed {
            retry: false,
            code: "LATE".to_owned(),
            message: String::new(),
        },
        Outcome::Stopped,
    ] {
        assert!(
            world
                .engine
                .finish(vec![(old, outcome)])
                .await
                .unwrap()
                .is_empty()
        );
    }
    assert!(
        world
            .engine
            .heartbeat(&[old], Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(world.engine.release(&[old]).await.unwrap(), 0);
    assert_eq!(world.status(id).await, "RUNNING");
    let ended = world
        .engine
        .finish(vec![(new, Outcome::Succeeded(json!("right")))])
        .await
        .unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(world.status(id).await, "SUCCEEDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_late_counts_as_long_as_nobody_was_to_do_it_again() {
    let world = world().await;
    let (done, taken) = (
        world.enqueue(world.task(None)).await,
        world.enqueue(world.task(None)).await,
    );
    let leases = world.lease(2).await;
    let lease = |id| leases.iter().find(|lease| lease.id == id).unwrap().lease_id;
    world.advance(31);
    let finish = async |lease| {
        let ends = vec![(lease, Outcome::Succeeded(json!("late")))];
        world.engine.finish(ends).await.unwrap().len()
    };
    assert_eq!(finish(lease(done)).await, 1);
    assert_eq!(world.engine.rescue().await.unwrap(), 1, "only the other");
    assert_eq!(finish(lease(taken)).await, 0);
    assert_eq!(world.status(done).await, "SUCCEEDED");
    assert_eq!(world.status(taken).await, "QUEUED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_keeps_a_lease() {
    let world = world().await;
    world.enqueue(world.task(None)).await;
    let lease = world.lease(1).await[0].lease_id;
    for _ in 0..3 {
        world.advance(25);
        assert_eq!(
            world
                .engine
                .heartbeat(&[lease], Duration::from_secs(30))
                .await
                .unwrap()
                .len(),
            1
        );
        assert_eq!(world.engine.rescue().await.unwrap(), 0);
    }
    world.advance(30);
    assert_eq!(world.engine.rescue().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_kills_its_workers_ends_as_a_dead_letter() {
    let world = world().await;
    let id = world
        .enqueue(NewTask {
            max_attempts: 2,
            ..world.task(None)
        })
        .await;
    for status in ["QUEUED", "FAILED"] {
        assert_eq!(world.lease(1).await.len(), 1);
        world.advance(31);
        world.engine.rescue().await.unwrap();
        assert_eq!(world.status(id).await, status);
    }
    assert!(world.lease(1).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_task_has_lost_no_attempt() {
    let world = world().await;
    world
        .enqueue(NewTask {
            max_attempts: 1,
            ..world.task(None)
        })
        .await;
    let lease = world.lease(1).await[0].lease_id;
    assert_eq!(world.engine.release(&[lease]).await.unwrap(), 1);
    let again = &world.lease(1).await[0];
    assert_eq!(again.attempt, 1);
    let done = world
        .engine
        .finish(vec![(lease, Outcome::Succeeded(Value::Null))])
        .await
        .unwrap();
    assert!(done.is_empty(), "the first lease is void");
}
