//! What the sweep forgets, and what it keeps.

use chrono::TimeDelta;
use diesel_async::RunQueryDsl;

use crate::app::App;

/// More than one batch of each.
const MANY: i64 = 450;

async fn run(app: &App, statement: &str) {
    let mut connection = app.test.deps.read().await.unwrap();
    diesel::sql_query(statement)
        .bind::<diesel::sql_types::Timestamptz, _>(app.test.deps.clock.now())
        .bind::<diesel::sql_types::Integer, _>(i32::try_from(MANY).unwrap())
        .execute(&mut connection)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_tokens_that_ran_out_long_ago_are_forgotten_and_the_session_goes_on() {
    let mut app = App::new().await;
    app.register("alice").await;
    run(
        &app,
        "INSERT INTO accounts.refresh_token (hash, session_id, issued_at, expires_at, used_at) \
         SELECT sha256(n::text::bytea), (SELECT id FROM accounts.session), $1, $1 + make_interval(days => n % 2), $1 \
         FROM generate_series(1, $2) n",
    )
    .await;
    assert_eq!(app.count("refresh_token").await, MANY + 1);
    app.clock()
        .advance(TimeDelta::days(30) + TimeDelta::hours(1));
    app.start();
    app.eventually("refresh_token", MANY / 2 + 1).await;
    assert_eq!(
        app.count("session").await,
        1,
        "it ended less than a month ago"
    );
    assert_eq!(
        app.count("refresh_token WHERE expires_at < now() + interval '1 hour'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_ended_long_ago_are_forgotten_with_their_tokens() {
    let mut app = App::new().await;
    app.register("alice").await;
    app.clock().advance(TimeDelta::days(61));
    app.start();
    app.eventually("session", 0).await;
    assert_eq!(app.count("refresh_token").await, 0);
    assert_eq!(app.count("account").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_entries_of_the_ledger_and_returned_reservations_are_forgotten_and_used_ones_kept() {
    let mut app = App::new().await;
    app.register("alice").await;
    run(
        &app,
        "INSERT INTO accounts.quota_entry (id, account_id, meter, kind, amount, at) \
         SELECT gen_random_uuid(), (SELECT id FROM accounts.account), 'PROJECTS', 'ADJUST', 1, $1 + make_interval(days => n % 2) \
         FROM generate_series(1, $2) n",
    )
    .await;
    run(
        &app,
        "INSERT INTO accounts.quota_reservation (service, key, account_id, meter, amount, state, created_at, expires_at, settled_at) \
         SELECT 'media', n::text, (SELECT id FROM accounts.account), 'PROJECTS', 1, \
            CASE n % 3 WHEN 0 THEN 'COMMITTED' WHEN 1 THEN 'RELEASED' ELSE 'EXPIRED' END, $1, $1, $1 \
         FROM generate_series(1, $2) n",
    )
    .await;
    app.clock()
        .advance(TimeDelta::days(730) + TimeDelta::hours(1));
    app.start();
    app.eventually("quota_entry", MANY / 2).await;
    app.eventually("quota_reservation", MANY / 3).await;
    assert_eq!(
        app.count("quota_reservation WHERE state = 'COMMITTED'")
            .await,
        MANY / 3,
        "what is in use may be refunded"
    );
}
