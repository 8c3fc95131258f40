//! Machines whose clocks are wrong.

use std::{sync::Arc, time::Duration};

use atelier_contracts::tasks::TaskStatus;
use atelier_kit::{Deps, clock::Clock, jobs::NewTask};
use atelier_tasks::{
    Engine, EngineConfig, MIGRATIONS, NAME,
    engine::{Ended, MissedRuns, Outcome, Schedule},
};
use atelier_testing::{TestDeps, deps};
use chrono::{TimeDelta, Timelike};
use serde_json::json;

use crate::support::wanted;

/// How far a clock is wrong: more than a lease lasts.
const WRONG: i64 = 40;

async fn engine(test: &TestDeps, ahead: i64) -> Engine {
    let config = EngineConfig {
        retention: Duration::from_secs(30),
        ..EngineConfig::default()
    };
    Engine::new(test.on_machine(TimeDelta::seconds(ahead)).await, config)
}

fn task(deps: &Deps) -> NewTask {
    NewTask {
        max_attempts: 1,
        ..NewTask::new(deps.new_id(), "test.work", "work", json!({}))
    }
}

/// A run that is due in twenty seconds: too early for who is ahead.
fn soon(now: chrono::DateTime<chrono::Utc>) -> Schedule {
    let at = now + TimeDelta::seconds(20);
    Schedule {
        name: "soon".to_owned(),
        cron: format!("{} {} {} * * *", at.second(), at.minute(), at.hour()),
        timezone: "UTC".to_owned(),
        task_type: "test.work".to_owned(),
        queue: "work".to_owned(),
        priority: 0,
        payload: json!({}),
        max_attempts: 1,
        missed_runs: MissedRuns::RunAll,
        overlap: true,
        enabled: true,
    }
}

/// Everything that time may do, done by both.
async fn time_passes(engines: [&Engine; 2]) {
    for engine in engines {
        assert_eq!(engine.rescue().await.unwrap(), 0, "no live lease is taken");
        assert_eq!(engine.promote_due().await.unwrap(), 0, "nothing is early");
        assert_eq!(engine.run_schedules().await.unwrap(), 0, "no run is early");
        assert_eq!(engine.sweep().await.unwrap(), 0, "nothing is forgotten");
    }
}

async fn with_a_clock_that_is_wrong_by(ahead: i64) {
    let test = deps(NAME, &MIGRATIONS).await;
    let (right, wrong) = (engine(&test, 0).await, engine(&test, ahead).await);
    let now = right.deps().clock.now();
    let later = NewTask {
        run_at: Some(now + TimeDelta::seconds(20)),
        ..task(right.deps())
    };
    right.enqueue(&[later]).await.unwrap();
    right.schedule(soon(now)).await.unwrap().unwrap();

    let mut leases = Vec::new();
    for engine in [&right, &wrong] {
        engine.enqueue(&[task(engine.deps())]).await.unwrap();
        let leased = engine.lease(&wanted(10)).await.unwrap();
        assert_eq!(leased.len(), 1, "what waits for its time is not leased");
        let left = leased[0].lease_expires_at - right.deps().clock.now();
        assert!(
            (25..=31).contains(&left.num_seconds()),
            "a lease of 30 s holds for {left}"
        );
        leases.push(leased[0].lease_id);
    }
    time_passes([&right, &wrong]).await;

    let beaten = wrong
        .heartbeat(&leases, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(beaten.len(), 2);
    for held in beaten {
        let left = held.lease_expires_at - right.deps().clock.now();
        assert!((25..=31).contains(&left.num_seconds()), "{left}");
    }
    time_passes([&right, &wrong]).await;

    let ends = leases
        .into_iter()
        .map(|lease| (lease, Outcome::Succeeded(json!({}))))
        .collect();
    let ended: Vec<Ended> = wrong.finish(ends).await.unwrap();
    assert!(
        ended.len() == 2 && ended.iter().all(|end| end.status == TaskStatus::Succeeded),
        "both were done at their only attempt: {ended:?}"
    );
    time_passes([&right, &wrong]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_ahead_takes_no_live_lease_and_does_nothing_early() {
    with_a_clock_that_is_wrong_by(WRONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_whose_clock_is_behind_keeps_its_leases() {
    with_a_clock_that_is_wrong_by(-WRONG).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_databases_time_a_wrong_clock_would_take_live_leases() {
    // What the tests above hold off: an engine that believes its machine.
    let test = deps(NAME, &MIGRATIONS).await;
    let right = engine(&test, 0).await;
    right.enqueue(&[task(right.deps())]).await.unwrap();
    assert_eq!(right.lease(&wanted(1)).await.unwrap().len(), 1);
    let believing: Arc<dyn Clock> =
        Arc::new(atelier_testing::WrongClock(TimeDelta::seconds(WRONG)));
    let deps = Deps {
        clock: believing,
        ..test.deps.clone()
    };
    let wrong = Engine::new(deps, EngineConfig::default());
    assert_eq!(wrong.rescue().await.unwrap(), 1);
}
