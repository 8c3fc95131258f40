//! Quotas: reserving, committing, releasing, adjusting.

use atelier_kit::{
    actor::Actor,
    clock::Clock,
    id::{Id, User},
};
use chrono::{Datelike, TimeDelta};
use serde_json::{Value, json};

use crate::app::{App, Person, codes, done, payload};

const RESERVE: &str = "mutation($input: QuotaReserveInput!) { quotaReserve(input: $input) {
    reservation { key userId meter amount committed state expiresAt } userErrors { code message path params } } }";
const COMMIT: &str = "mutation($input: QuotaCommitInput!) { quotaCommit(input: $input) { reservation { state amount committed } userErrors { code path } } }";
const RELEASE: &str = "mutation($input: QuotaReleaseInput!) { quotaRelease(input: $input) { reservation { state committed } userErrors { code } } }";
const ADJUST: &str = "mutation($input: QuotaAdjustInput!) { quotaAdjust(input: $input) { quota { limit used reserved remaining } userErrors { code } } }";

fn media() -> Actor {
    Actor::service("media")
}

fn wanted(user: Id<User>, meter: &str, amount: i64, key: &str) -> Value {
    json!({ "input": { "userId": user, "meter": meter, "amount": amount, "key": key } })
}

fn key(key: &str) -> Value {
    json!({ "input": { "key": key } })
}

/// Used, reserved, remaining.
async fn stands(app: &App, person: &Person, meter: &str) -> (i64, i64, i64) {
    let data = app
        .run(
            &person.actor,
            "query($meter: Meter!) { viewer { quota(meter: $meter) { used reserved remaining } } }",
            json!({ "meter": meter }),
        )
        .await;
    let number = |field: &str| data["viewer"]["quota"][field].as_i64().unwrap();
    (number("used"), number("reserved"), number("remaining"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_is_reserved_and_then_used() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let reserved = done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 4, "k"))
            .await,
    )["reservation"]
        .take();
    assert_eq!(
        (
            &reserved["state"],
            &reserved["amount"],
            &reserved["committed"]
        ),
        (&json!("RESERVED"), &json!(4), &Value::Null)
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 4, 6));
    app.clock().advance(TimeDelta::seconds(1));
    let committed = done(
        app.run(
            &media(),
            COMMIT,
            json!({ "input": { "key": "k", "amount": 3 } }),
        )
        .await,
    );
    assert_eq!(
        committed["reservation"],
        json!({ "state": "COMMITTED", "amount": 4, "committed": 3 })
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (3, 0, 7));
    app.clock().advance(TimeDelta::seconds(1));
    // The thing is gone: what it used is given back.
    let released = done(app.run(&media(), RELEASE, key("k")).await);
    assert_eq!(
        released["reservation"],
        json!({ "state": "RELEASED", "committed": 3 })
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 0, 10));
    let ledger = app.text("(SELECT string_agg(kind || ' ' || amount, ', ' ORDER BY at) FROM accounts.quota_entry)").await;
    assert_eq!(ledger, "RESERVE 4, COMMIT 3, REFUND 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_who_reserve_at_the_same_time_only_as_many_succeed_as_the_limit_allows() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let service = media();
    let wants = (0..100).map(|at| {
        app.run(
            &service,
            RESERVE,
            wanted(alice.id, "PROJECTS", 1, &format!("k{at}")),
        )
    });
    let answers = futures::future::join_all(wants).await;
    let succeeded = answers
        .iter()
        .filter(|answer| !answer["quotaReserve"]["reservation"].is_null())
        .count();
    assert_eq!(succeeded, 10);
    let refused = answers
        .into_iter()
        .filter(|answer| answer["quotaReserve"]["reservation"].is_null());
    assert!(refused.map(codes).all(|codes| codes == ["QUOTA_EXCEEDED"]));
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 10, 0));
    assert_eq!(
        app.count("quota_reservation").await,
        10,
        "refusals leave nothing behind"
    );
    assert_eq!(app.count("quota_entry").await, 10);
    assert_eq!(
        app.count("outbox WHERE topic = 'user.quota_changed'").await,
        10
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_repeated_and_counts_once() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let service = media();
    let repeated = |operation: &'static str, variables: Value| {
        let (app, service) = (&app, &service);
        async move {
            let same = (0..8).map(|_| app.run(service, operation, variables.clone()));
            let answers: Vec<_> = futures::future::join_all(same)
                .await
                .into_iter()
                .map(done)
                .collect();
            assert!(
                answers.iter().all(|answer| *answer == answers[0]),
                "{answers:?}"
            );
        }
    };
    repeated(RESERVE, wanted(alice.id, "PROJECTS", 3, "k")).await;
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 3, 7));
    repeated(COMMIT, key("k")).await;
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (3, 0, 7));
    // Reserving again after the commit tells how it ended.
    let again = done(
        app.run(&service, RESERVE, wanted(alice.id, "PROJECTS", 3, "k"))
            .await,
    );
    assert_eq!(again["reservation"]["state"], "COMMITTED");
    repeated(RELEASE, key("k")).await;
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 0, 10));
    assert_eq!(app.count("quota_entry").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_one_reservation_of_one_domain() {
    let app = App::new().await;
    let (alice, bob) = (app.register("alice").await, app.register("bob").await);
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 3, "k"))
            .await,
    );
    for other in [
        wanted(alice.id, "PROJECTS", 4, "k"),
        wanted(alice.id, "VIDEOS", 3, "k"),
        wanted(bob.id, "PROJECTS", 3, "k"),
    ] {
        assert_eq!(
            codes(app.run(&media(), RESERVE, other).await),
            ["IDEMPOTENCY_KEY_REUSED"]
        );
    }
    let studio = Actor::service("studio");
    assert_eq!(
        codes(app.run(&studio, COMMIT, key("k")).await),
        ["NOT_FOUND"],
        "another domain's keys are others"
    );
    done(
        app.run(&studio, RESERVE, wanted(alice.id, "PROJECTS", 2, "k"))
            .await,
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 5, 5));
    assert_eq!(stands(&app, &bob, "PROJECTS").await, (0, 0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_other_domains_move_quotas() {
    let app = App::new().await;
    let admin = app.admin().await;
    for caller in [Actor::anonymous(), admin.actor.clone()] {
        assert_eq!(
            app.refused(&caller, RESERVE, wanted(admin.id, "PROJECTS", 1, "k"))
                .await,
            "FORBIDDEN"
        );
        assert_eq!(app.refused(&caller, COMMIT, key("k")).await, "FORBIDDEN");
        assert_eq!(app.refused(&caller, RELEASE, key("k")).await, "FORBIDDEN");
    }
    assert_eq!(app.count("quota_reservation").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn faulty_reservations_are_refused() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    for (input, code) in [
        (wanted(alice.id, "PROJECTS", 0, "k"), "AMOUNT_INVALID"),
        (wanted(alice.id, "PROJECTS", -5, "k"), "AMOUNT_INVALID"),
        (
            wanted(alice.id, "PROJECTS", (1 << 50) + 1, "k"),
            "AMOUNT_INVALID",
        ),
        (wanted(alice.id, "PROJECTS", 1, ""), "TOO_LONG"),
        (
            wanted(alice.id, "PROJECTS", 1, &"k".repeat(201)),
            "TOO_LONG",
        ),
        (wanted(alice.id, "PROJECTS", 11, "k"), "QUOTA_EXCEEDED"),
        (
            wanted(Id::from_uuid(uuid::Uuid::nil()), "PROJECTS", 1, "k"),
            "NOT_FOUND",
        ),
    ] {
        assert_eq!(codes(app.run(&media(), RESERVE, input).await), [code]);
    }
    let refused = payload(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 11, "k"))
            .await,
    );
    assert_eq!(
        refused["userErrors"][0]["params"],
        json!({ "meter": "PROJECTS", "remaining": 10 })
    );
    assert_eq!(
        codes(app.run(&media(), COMMIT, key("unknown")).await),
        ["NOT_FOUND"]
    );
    assert_eq!(
        codes(app.run(&media(), RELEASE, key("unknown")).await),
        ["NOT_FOUND"]
    );
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 2, "k"))
            .await,
    );
    for amount in [-1, 3] {
        let more = app
            .run(
                &media(),
                COMMIT,
                json!({ "input": { "key": "k", "amount": amount } }),
            )
            .await;
        assert_eq!(codes(more), ["AMOUNT_INVALID"]);
    }
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 2, 8));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_reservation_cannot_be_committed() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 2, "k"))
            .await,
    );
    done(app.run(&media(), RELEASE, key("k")).await);
    assert_eq!(
        codes(app.run(&media(), COMMIT, key("k")).await),
        ["RESERVATION_CLOSED"]
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 0, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_comes_for_is_given_back_and_can_be_taken_anew() {
    let mut app = App::new().await;
    let alice = app.register("alice").await;
    for at in 0..3 {
        let input = json!({ "userId": alice.id, "meter": "PROJECTS", "amount": 3, "key": format!("k{at}"), "expiresInSeconds": 60 * (1 + at) });
        done(app.run(&media(), RESERVE, json!({ "input": input })).await);
    }
    app.clock().advance(TimeDelta::seconds(120));
    app.start();
    app.eventually("quota_reservation WHERE state = 'EXPIRED'", 2)
        .await;
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 3, 7));
    assert_eq!(app.count("quota_entry WHERE kind = 'EXPIRE'").await, 2);
    // The work was done after all, late: it counts, as there is room.
    done(app.run(&media(), COMMIT, key("k0")).await);
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (3, 3, 4));
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 4, "filler"))
            .await,
    );
    assert_eq!(
        codes(app.run(&media(), COMMIT, key("k1")).await),
        ["QUOTA_EXCEEDED"]
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (3, 7, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn monthly_meters_start_anew_with_the_month() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "VIDEOS", 5, "k"))
            .await,
    );
    done(app.run(&media(), COMMIT, key("k")).await);
    assert_eq!(
        codes(
            app.run(&media(), RESERVE, wanted(alice.id, "VIDEOS", 1, "more"))
                .await
        ),
        ["QUOTA_EXCEEDED"]
    );
    let data = app
        .run(
            &alice.actor,
            "{ viewer { quota(meter: VIDEOS) { resetsAt } } }",
            json!({}),
        )
        .await;
    let resets: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(data["viewer"]["quota"]["resetsAt"].clone()).unwrap();
    assert_eq!((resets.day(), resets.time()), (1, chrono::NaiveTime::MIN));
    app.clock().advance(resets - app.clock().now());
    assert_eq!(stands(&app, &alice, "VIDEOS").await, (0, 0, 5));
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "VIDEOS", 1, "more"))
            .await,
    );
    assert_eq!(stands(&app, &alice, "VIDEOS").await, (0, 1, 4));
    // A refund of last month's use does not make this month's negative.
    done(app.run(&media(), RELEASE, key("k")).await);
    assert_eq!(stands(&app, &alice, "VIDEOS").await, (0, 1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_without_limits_never_refuse() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.execute("UPDATE accounts.account SET plan = 'ENTERPRISE'")
        .await;
    done(
        app.run(
            &media(),
            RESERVE,
            wanted(alice.id, "STORAGE_BYTES", 1 << 50, "k"),
        )
        .await,
    );
    let data = app
        .run(
            &alice.actor,
            "{ viewer { quota(meter: STORAGE_BYTES) { limit reserved remaining } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        data["viewer"]["quota"],
        json!({ "limit": null, "reserved": 1_i64 << 50, "remaining": null })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_grants_more() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let input = |bonus: i64| json!({ "input": { "userId": alice.id, "meter": "PROJECTS", "bonus": bonus, "reason": "a good customer" } });
    assert_eq!(
        app.refused(&alice.actor, ADJUST, input(5)).await,
        "FORBIDDEN"
    );
    assert_eq!(stands(&app, &alice, "PROJECTS").await, (0, 0, 10));
    let adjusted = done(app.run(&admin.actor, ADJUST, input(5)).await);
    assert_eq!(
        adjusted["quota"],
        json!({ "limit": 15, "used": 0, "reserved": 0, "remaining": 15 })
    );
    // It is set, not added: once more changes nothing.
    let adjusted = done(app.run(&admin.actor, ADJUST, input(5)).await);
    assert_eq!(adjusted["quota"]["limit"], 15);
    done(
        app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 15, "k"))
            .await,
    );
    // Taking away below what is used refuses what comes, and takes nothing back.
    let adjusted = done(app.run(&admin.actor, ADJUST, input(-20)).await);
    assert_eq!(
        adjusted["quota"],
        json!({ "limit": 0, "used": 0, "reserved": 15, "remaining": 0 })
    );
    done(app.run(&media(), COMMIT, key("k")).await);
    assert_eq!(
        codes(
            app.run(&media(), RESERVE, wanted(alice.id, "PROJECTS", 1, "l"))
                .await
        ),
        ["QUOTA_EXCEEDED"]
    );
    let no_reason =
        json!({ "input": { "userId": alice.id, "meter": "PROJECTS", "bonus": 1, "reason": " " } });
    assert_eq!(
        codes(app.run(&admin.actor, ADJUST, no_reason).await),
        ["REQUIRED"]
    );
    assert_eq!(
        app.count("audit_event WHERE action = 'quota.adjust'").await,
        3
    );
}
