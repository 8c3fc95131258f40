//! Schedules.

use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::support::{World, admin, world};

const UPSERT: &str = "mutation($input: ScheduleUpsertInput!) { scheduleUpsert(input: $input) { schedule { name nextRunAt upcomingRuns } userErrors { code } } }";

/// A schedule of every full hour, and the domain at a minute past one.
async fn hourly(more: Value) -> World {
    let world = world().await;
    let past = world.deps().clock.now().timestamp() % 3600;
    world.advance(3600 - past + 60);
    let mut input = json!({"name": "sweep", "cron": "0 * * * *", "type": "test.work", "queue": "work", "overlap": true});
    input
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let data = world
        .data(&admin(&world), UPSERT, json!({"input": input}))
        .await;
    assert_eq!(data["scheduleUpsert"]["userErrors"], json!([]));
    let upcoming = data["scheduleUpsert"]["schedule"]["upcomingRuns"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(
        upcoming,
        if more["enabled"] == json!(false) {
            0
        } else {
            10
        }
    );
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_asks_for_a_task_each_time_and_once() {
    let world = hourly(json!({})).await;
    assert_eq!(world.engine.run_schedules().await.unwrap(), 0);
    for _ in 0..2 {
        world.advance(3600 - 60);
        let runs = futures::future::join_all((0..4).map(|_| world.engine.run_schedules())).await;
        assert_eq!(
            runs.into_iter().map(Result::unwrap).sum::<usize>(),
            1,
            "however many look"
        );
        world.advance(60);
    }
    assert_eq!(world.lease(10).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_runs_are_treated_as_the_schedule_says() {
    for (policy, runs) in [("SKIP", 0), ("RUN_ONCE", 1), ("RUN_ALL", 5)] {
        let world = hourly(json!({"missedRuns": policy})).await;
        world.advance(5 * 3600 + 600);
        assert_eq!(
            world.engine.run_schedules().await.unwrap(),
            runs,
            "{policy}"
        );
        assert_eq!(world.engine.run_schedules().await.unwrap(), 0, "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_waits_for_the_one_before_unless_they_may_overlap() {
    let world = hourly(json!({"overlap": false})).await;
    world.advance(3600 - 60);
    assert_eq!(world.engine.run_schedules().await.unwrap(), 1);
    world.advance(3600);
    assert_eq!(
        world.engine.run_schedules().await.unwrap(),
        0,
        "the first is not finished"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_schedule_does_nothing() {
    let world = hourly(json!({"enabled": false})).await;
    world.advance(7200);
    assert_eq!(world.engine.run_schedules().await.unwrap(), 0);
    let delete =
        "mutation { scheduleDelete(input: {name: \"sweep\"}) { deletedName userErrors { code } } }";
    assert_eq!(
        world.data(&admin(&world), delete, json!({})).await["scheduleDelete"]["deletedName"],
        "sweep"
    );
    assert_eq!(
        world.refused(&admin(&world), delete, json!({})).await,
        ["NOT_FOUND"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_that_make_no_sense_are_refused() {
    let world = world().await;
    let input = |more: Value| {
        let mut input = json!({"name": "n", "cron": "0 * * * *", "type": "t", "queue": "q"});
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"input": input})
    };
    for (more, code) in [
        (json!({"cron": "whenever"}), "INVALID_CRON"),
        (json!({"cron": "0 0 31 2 *"}), "INVALID_CRON"),
        (json!({"timezone": "Mars/Olympus"}), "UNKNOWN_TIMEZONE"),
        (json!({"queue": "no name"}), "INVALID_INPUT"),
        (json!({"maxAttempts": 0}), "INVALID_INPUT"),
        (json!({"payload": "x".repeat(70_000)}), "PAYLOAD_TOO_LARGE"),
    ] {
        assert_eq!(
            world
                .refused(&admin(&world), UPSERT, input(more.clone()))
                .await,
            [code],
            "{more}"
        );
    }
    assert_eq!(
        world
            .refused(&Actor::user(world.user(), &[]), UPSERT, input(json!({})))
            .await,
        ["FORBIDDEN"]
    );
    assert_eq!(
        world
            .data(&admin(&world), "{ schedules { name } }", json!({}))
            .await["schedules"],
        json!([])
    );
}
