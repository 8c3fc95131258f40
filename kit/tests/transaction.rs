//! The unit of work: all or nothing, repeated where another one was in its way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use atelier_kit::{
    Deps,
    db::{Database, DatabaseConfig, prepared},
    error::{Error, ErrorCode},
    facts,
    id::{Id, User},
    jobs::NewTask,
    transaction::Tx,
};
use atelier_testing::TestDeps;
use diesel::sql_types::Integer;
use diesel_async::RunQueryDsl;
use diesel_migrations::EmbeddedMigrations;
use tokio::sync::Barrier;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);

facts! {
    /// What happens to lamps.
    pub enum LampFact in "lamps" by {
        /// Whose lamp it is.
        owner: Id<User>,
    } {
        /// It was lit.
        LampLit = "lamp.lit" {},
        /// It was put out.
        LampPutOut = "lamp.put_out" {},
    }
}

async fn world() -> TestDeps {
    let test = atelier_testing::deps("lamps", &NONE).await;
    let make = async |tx: &mut Tx| {
        run(
            tx,
            "CREATE TABLE lamps.lamp (id int PRIMARY KEY, lit int NOT NULL DEFAULT 0)",
        )
        .await?;
        run(tx, "INSERT INTO lamps.lamp VALUES (1), (2)").await
    };
    test.deps.transaction(make).await.unwrap();
    test
}

async fn run(tx: &mut Tx, statement: &str) -> Result<(), Error> {
    diesel::sql_query(statement).execute(tx).await?;
    Ok(())
}

/// A number out of the database.
async fn number(deps: &Deps, expression: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Found {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        found: i64,
    }
    let found: Found = diesel::sql_query(format!("SELECT {expression} AS found"))
        .get_result(&mut deps.read().await.unwrap())
        .await
        .unwrap();
    found.found
}

const LIT: &str = "(SELECT sum(lit) FROM lamps.lamp)";
const TOLD: &str = "(SELECT count(*) FROM lamps.outbox)";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_transaction_does_tells_and_asks_for_is_done_together_in_one_more_statement() {
    let test = world().await;
    let deps = &test.deps;
    let owner = deps.new_id();
    let before = deps.db.statements();
    deps.transaction::<_, Error, _>(async |tx| {
        run(tx, "UPDATE lamps.lamp SET lit = 1 WHERE id = 1").await?;
        for _ in 0..10 {
            tx.emit(&LampLit { owner });
        }
        tx.enqueue(NewTask::new(
            deps.new_id(),
            "lamps.polish",
            "lamps",
            7.into(),
        ));
        Ok(())
    })
    .await
    .unwrap();
    // With BEGIN and COMMIT.
    assert_eq!(deps.db.statements() - before, 4);
    assert_eq!(number(deps, LIT).await, 1);
    assert_eq!(number(deps, TOLD).await, 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_fails_leaves_nothing() {
    let test = world().await;
    let deps = &test.deps;
    let owner = deps.new_id();
    let failed = deps
        .transaction::<(), Error, _>(async |tx| {
            run(tx, "UPDATE lamps.lamp SET lit = 1").await?;
            tx.emit(&LampLit { owner });
            Err(Error::new(ErrorCode::Forbidden))
        })
        .await;
    assert_eq!(failed.unwrap_err().code(), ErrorCode::Forbidden);
    assert_eq!(number(deps, LIT).await, 0);
    assert_eq!(number(deps, TOLD).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_transactions_that_wait_for_each_other_both_succeed() {
    let test = world().await;
    let (meet, attempts) = (Barrier::new(2), AtomicU32::new(0));
    let owner = test.deps.new_id();
    let light = async |first: u8, second: u8| {
        test.deps
            .transaction::<_, Error, _>(async |tx| {
                run(
                    tx,
                    &format!("UPDATE lamps.lamp SET lit = lit + 1 WHERE id = {first}"),
                )
                .await?;
                // Only the first attempts meet, each with a lamp that the other one wants.
                if attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                    meet.wait().await;
                }
                run(
                    tx,
                    &format!("UPDATE lamps.lamp SET lit = lit + 1 WHERE id = {second}"),
                )
                .await?;
                tx.emit(&LampLit { owner });
                Ok(())
            })
            .await
    };
    let (one, other) = tokio::join!(light(1, 2), light(2, 1));
    one.unwrap();
    other.unwrap();
    assert_eq!(
        AtomicU32::load(&attempts, Ordering::SeqCst),
        3,
        "one had to try again"
    );
    assert_eq!(number(&test.deps, LIT).await, 4);
    assert_eq!(
        number(&test.deps, TOLD).await,
        2,
        "nothing of the failed attempt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_never_works_is_given_up_after_a_few_attempts() {
    let test = world().await;
    let attempts = AtomicU32::new(0);
    let failed = test
        .deps
        .transaction::<(), Error, _>(async |tx| {
            attempts.fetch_add(1, Ordering::SeqCst);
            run(tx, "SELECT 1 / 0").await
        })
        .await;
    assert_eq!(failed.unwrap_err().code(), ErrorCode::Internal);
    assert_eq!(AtomicU32::load(&attempts, Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_at_fault_itself_is_not_tried_again() {
    let test = world().await;
    let attempts = AtomicU32::new(0);
    for statement in [
        "INSERT INTO lamps.lamp VALUES (1)",
        "INSERT INTO lamps.lamp VALUES (NULL)",
    ] {
        let failed = test
            .deps
            .transaction::<(), Error, _>(async |tx| {
                attempts.fetch_add(1, Ordering::SeqCst);
                run(tx, statement).await
            })
            .await;
        assert!(failed.is_err());
    }
    assert_eq!(AtomicU32::load(&attempts, Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_given_back_before_the_transaction_returns() {
    let test = world().await;
    let db = Database::new(&DatabaseConfig {
        max_connections: 1,
        wait: Duration::from_secs(20),
        ..DatabaseConfig::new(test.database.url())
    })
    .unwrap();
    let deps = Deps {
        db,
        ..test.deps.clone()
    };
    for _ in 0..3 {
        let light = async |tx: &mut Tx| run(tx, "UPDATE lamps.lamp SET lit = 1").await;
        deps.transaction(light).await.unwrap();
        let fail = async |tx: &mut Tx| run(tx, "INSERT INTO lamps.lamp VALUES (1)").await;
        deps.transaction(fail).await.unwrap_err();
        assert_eq!(number(&deps, LIT).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_half_way_leaves_nothing_and_no_broken_connection() {
    let test = world().await;
    let db = Database::new(&DatabaseConfig {
        max_connections: 1,
        wait: Duration::from_secs(20),
        ..DatabaseConfig::new(test.database.url())
    })
    .unwrap();
    let deps = Deps {
        db,
        ..test.deps.clone()
    };
    let half_way = Arc::new(tokio::sync::Notify::new());
    let begun = tokio::spawn({
        let (deps, half_way) = (deps.clone(), Arc::clone(&half_way));
        async move {
            deps.transaction::<(), Error, _>(async |tx| {
                run(tx, "UPDATE lamps.lamp SET lit = 1").await?;
                half_way.notify_one();
                std::future::pending().await
            })
            .await
        }
    });
    half_way.notified().await;
    begun.abort();
    assert!(begun.await.unwrap_err().is_cancelled());
    assert_eq!(number(&deps, LIT).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_statement_tells_nothing() {
    let test = world().await;
    let deps = &test.deps;
    let owner = deps.new_id();
    let told = deps
        .statement::<_, Error, _>(async |tx| {
            tx.emit(&LampPutOut { owner });
            Ok(())
        })
        .await;
    assert_eq!(told.unwrap_err().code(), ErrorCode::Internal);
    assert_eq!(number(deps, TOLD).await, 0);
    let before = deps.db.statements();
    let light = async |tx: &mut Tx| run(tx, "UPDATE lamps.lamp SET lit = 3 WHERE id = 1").await;
    deps.statement(light).await.unwrap();
    assert_eq!(deps.db.statements() - before, 1);
    assert_eq!(number(deps, LIT).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_commit_comes_after_it_and_never_after_a_failure() {
    let test = world().await;
    let deps = &test.deps;
    let followed = Arc::new(AtomicU32::new(0));
    for fails in [true, false] {
        let done = deps
            .transaction::<(), Error, _>(async |tx| {
                let counted = Arc::clone(&followed);
                tx.after_commit(move || {
                    counted.fetch_add(1, Ordering::SeqCst);
                });
                run(tx, "UPDATE lamps.lamp SET lit = 1").await?;
                assert_eq!(
                    AtomicU32::load(&followed, Ordering::SeqCst),
                    0,
                    "it is not committed yet"
                );
                if fails {
                    return Err(Error::new(ErrorCode::Forbidden));
                }
                Ok(())
            })
            .await;
        assert_eq!(done.is_err(), fails);
    }
    assert_eq!(AtomicU32::load(&followed, Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_prepared_statement_is_parsed_once_for_all_its_values() {
    let test = world().await;
    let runs = test.deps.transaction::<_, Error, _>(async |tx| {
        for (id, by) in [(1, 3), (2, 4)] {
            prepared("UPDATE lamps.lamp SET lit = lit + $2 WHERE id = $1")
                .bind::<Integer, _>(id)
                .bind::<Integer, _>(by)
                .execute(tx)
                .await?;
        }
        let runs: Runs = diesel::sql_query(
            "SELECT sum(generic_plans + custom_plans)::bigint AS runs FROM pg_prepared_statements \
             WHERE statement LIKE 'UPDATE lamps.lamp SET lit = lit + $2%'",
        )
        .get_result(tx)
        .await?;
        Ok(runs.runs)
    });
    assert_eq!(runs.await.unwrap(), 2);
    let lit = number(&test.deps, "(SELECT sum(id * lit)::bigint FROM lamps.lamp)").await;
    assert_eq!(lit, 3 + 2 * 4);
}

#[derive(diesel::QueryableByName)]
struct Runs {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    runs: i64,
}
