//! The harness, on a domain of lamps.

use async_graphql::{Context, Object, Schema, SimpleObject, Subscription};
use atelier_kit::{
    Deps, Subgraph,
    actor::Actor,
    error::{Error, ErrorCode},
    graphql::Service,
};
use atelier_testing::{Harness, TestDatabase, deps, test_servers};
use diesel_migrations::EmbeddedMigrations;
use futures::{FutureExt, Stream, stream};
use serde_json::json;

static NONE: EmbeddedMigrations = EmbeddedMigrations::new(&[]);

/// Runs as many statements.
async fn ask_the_database(deps: &Deps, times: i32) -> Result<(), Error> {
    use diesel_async::RunQueryDsl;
    let mut connection = deps.db.read().await?;
    for _ in 0..times {
        diesel::sql_query("SELECT 1")
            .execute(&mut connection)
            .await?;
    }
    Ok(())
}

struct Query;

#[Object]
impl Query {
    async fn lit(&self, ctx: &Context<'_>, times: i32) -> async_graphql::Result<i32> {
        ask_the_database(ctx.data()?, times).await?;
        Ok(times)
    }

    async fn secret(&self) -> async_graphql::Result<i32> {
        Err(Error::new(ErrorCode::Forbidden).into())
    }
}

#[derive(SimpleObject)]
struct Problem {
    code: &'static str,
}

#[derive(SimpleObject)]
struct Switched {
    on: Option<bool>,
    user_errors: Vec<Problem>,
}

struct Mutation;

#[Object]
impl Mutation {
    async fn switch(&self, broken: bool, half: bool) -> Switched {
        Switched {
            on: (!broken || half).then_some(true),
            user_errors: broken
                .then_some(Problem {
                    code: "LAMP_BROKEN",
                })
                .into_iter()
                .collect(),
        }
    }
}

struct Flashes;

#[Subscription]
impl Flashes {
    async fn flashes(&self, ends_well: bool) -> impl Stream<Item = async_graphql::Result<i32>> {
        let end = (!ends_well).then(|| Err(Error::new(ErrorCode::Forbidden).into()));
        stream::iter([Ok(1), Ok(2)].into_iter().chain(end))
    }
}

fn subgraph(deps: Deps) -> Subgraph {
    let given = deps.clone();
    let service = Service::new(move || Schema::build(Query, Mutation, Flashes).data(given.clone()));
    Subgraph::new("lamps", deps, service)
}

async fn harness() -> Harness {
    Harness::new(deps("lamps", &NONE).await, subgraph)
}

fn somebody(harness: &Harness) -> Actor {
    Actor::user(harness.deps().new_id(), &[])
}

/// What `checked` panics with.
async fn complaint<T>(checked: impl Future<Output = T>) -> String {
    let caught = std::panic::AssertUnwindSafe(checked).catch_unwind().await;
    let cause = caught.err().expect("it panics");
    cause.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn data_comes_without_errors_or_the_test_fails_and_shows_them() {
    let harness = harness().await;
    let ada = somebody(&harness);
    let data = harness
        .data(
            &ada,
            "query($n: Int!) { lit(times: $n) }",
            json!({ "n": 0 }),
        )
        .await;
    assert_eq!(data, json!({ "lit": 0 }));

    let shown = complaint(harness.data(&ada, "{ secret }", json!({}))).await;
    assert!(shown.contains("FORBIDDEN"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_by_its_codes_wherever_they_stand() {
    const SWITCH: &str = "mutation($broken: Boolean!, $half: Boolean!) {
        switch(broken: $broken, half: $half) { on userErrors { code } } }";
    let harness = harness().await;
    let ada = somebody(&harness);
    let with = |broken, half| json!({ "broken": broken, "half": half });
    assert_eq!(
        harness.refused(&ada, "{ secret }", json!({})).await,
        ["FORBIDDEN"]
    );
    assert_eq!(
        harness.refused(&ada, SWITCH, with(true, false)).await,
        ["LAMP_BROKEN"]
    );
    assert_eq!(
        harness.done(&ada, SWITCH, with(false, false)).await["on"],
        true
    );

    // What is no refusal, and a refusal that did something all the same, fail the test.
    let shown = complaint(harness.refused(&ada, SWITCH, with(false, false))).await;
    assert!(shown.contains("not refused"), "{shown}");
    let shown = complaint(harness.refused(&ada, SWITCH, with(true, true))).await;
    assert!(shown.contains("a refusal holds on"), "{shown}");
    let shown = complaint(harness.done(&ada, SWITCH, with(true, false))).await;
    assert!(shown.contains("LAMP_BROKEN"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statements_of_the_domain_are_counted_and_those_of_the_test_are_not() {
    let harness = harness().await;
    let ada = somebody(&harness);
    let ask = |times: i32| {
        let asked = harness.data(
            &ada,
            "query($n: Int!) { lit(times: $n) }",
            json!({ "n": times }),
        );
        harness.counted(asked)
    };
    // A new connection says hello with statements of its own.
    ask(1).await;
    assert_eq!(ask(3).await.1, 3);
    let (count, statements) = harness
        .counted(harness.database().rows("(VALUES (1), (2)) AS two"))
        .await;
    assert_eq!((count, statements), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_followed_to_its_end() {
    const FLASHES: &str = "subscription($well: Boolean!) { flashes(endsWell: $well) }";
    let harness = harness().await;
    let ada = somebody(&harness);
    let mut flashes = harness.subscribe(&ada, FLASHES, json!({ "well": true }));
    assert_eq!(flashes.next().await, Some(json!(1)));
    assert_eq!(flashes.rest().await, [json!(2)]);

    let mut flashes = harness.subscribe(&ada, FLASHES, json!({ "well": false }));
    flashes.next().await;
    flashes.next().await;
    assert_eq!(flashes.refused().await, ["FORBIDDEN"]);
}

#[tokio::test]
async fn a_database_is_gone_with_its_value_though_somebody_is_connected() {
    let around = TestDatabase::empty(test_servers().await).await;
    let database = TestDatabase::empty(test_servers().await).await;
    assert_eq!(database.run("CREATE TABLE lamp AS SELECT 1 AS id").await, 1);
    assert_eq!(database.texts("id", "lamp").await, ["1"]);
    let found = format!("pg_database WHERE datname = '{}'", database.name());
    assert_eq!(around.rows(&found).await, 1);
    drop(database);
    around.eventually(&found, 0).await;
}
