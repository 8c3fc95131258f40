//! Subscriptions.

use std::{sync::Arc, time::Duration};

use async_graphql::{Request, Variables};
use atelier_kit::actor::Actor;
use futures::{Stream, StreamExt};
use serde_json::{Value, json};

use crate::app::{App, Person, done};

const ACCOUNT: &str = "subscription($after: Cursor) { accountEvents(after: $after) { __typename
    ... on SessionsRevoked { cursor sessionIds reason }
    ... on QuotaChanged { cursor quota { meter used reserved remaining } }
    ... on PlanChanged { cursor plan }
    ... on RolesChanged { cursor roles scopes }
    ... on StatusChanged { cursor status reason } } }";
const QUOTA: &str = "subscription { quotaChanged(meter: PROJECTS) { __typename ... on QuotaChanged { quota { used reserved } } } }";
const RESERVE: &str = "mutation($input: QuotaReserveInput!) { quotaReserve(input: $input) { reservation { key } userErrors { code } } }";

fn follow(
    app: &App,
    actor: &Actor,
    operation: &str,
    variables: Value,
) -> impl Stream<Item = Value> + Unpin + use<> {
    let request = Request::new(operation)
        .variables(Variables::from_json(variables))
        .data(Arc::new(actor.clone()));
    app.subgraph
        .service
        .execute_stream(request)
        .map(|response| serde_json::to_value(response).unwrap())
}

async fn next(events: &mut (impl Stream<Item = Value> + Unpin), field: &str) -> Value {
    let mut event = tokio::time::timeout(Duration::from_secs(20), events.next())
        .await
        .expect("an event in time")
        .expect("not ended");
    assert!(event.get("errors").is_none(), "{event}");
    event["data"][field].take()
}

async fn reserve(app: &App, person: &Person, meter: &str, amount: i64, key: &str) {
    let input =
        json!({ "input": { "userId": person.id, "meter": meter, "amount": amount, "key": key } });
    done(app.run(&Actor::service("media"), RESERVE, input).await);
}

/// Reads the stream until it follows what happens: without a cursor it begins with what happens from
/// the moment on at which it has connected, so something must happen until it is seen.
async fn connected(
    app: &App,
    person: &Person,
    events: &mut (impl Stream<Item = Value> + Unpin),
    field: &str,
) -> Value {
    for at in 0..1000 {
        reserve(app, person, "PROJECTS", 1, &format!("probe{at}")).await;
        let seen = tokio::time::timeout(Duration::from_millis(200), events.next()).await;
        let input = json!({ "input": { "key": format!("probe{at}") } });
        done(app.run(&Actor::service("media"), "mutation($input: QuotaReleaseInput!) { quotaRelease(input: $input) { reservation { key } userErrors { code } } }", input).await);
        if let Ok(Some(mut event)) = seen {
            return event["data"][field].take();
        }
    }
    panic!("the subscription sees nothing")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_an_account_is_told_to_its_owner_only_and_can_be_resumed() {
    let mut app = App::new().await;
    app.start();
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let bob = app.register("bob").await;
    let mut events = follow(&app, &alice.actor, ACCOUNT, json!({ "after": null }));
    let first = connected(&app, &alice, &mut events, "accountEvents").await;
    assert_eq!(first["__typename"], "QuotaChanged");

    reserve(&app, &bob, "PROJECTS", 9, "bobs").await;
    let plan = "mutation($input: UserPlanSetInput!) { userPlanSet(input: $input) { user { id } userErrors { code } } }";
    done(
        app.run(
            &admin.actor,
            plan,
            json!({ "input": { "userId": alice.id, "plan": "PRO" } }),
        )
        .await,
    );
    let roles = app
        .run(&admin.actor, "{ roles { id name } }", json!({}))
        .await;
    let worker = roles["roles"]
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "worker")
        .unwrap()["id"]
        .clone();
    let assign = "mutation($input: RoleAssignInput!) { roleAssign(input: $input) { user { id } userErrors { code } } }";
    done(
        app.run(
            &admin.actor,
            assign,
            json!({ "input": { "userId": alice.id, "add": [worker] } }),
        )
        .await,
    );
    let other = app.login("alice").await;
    let revoke = "mutation($input: AuthSessionsRevokeInput!) { authSessionsRevoke(input: $input) { sessionIds userErrors { code } } }";
    done(
        app.run(
            &alice.actor,
            revoke,
            json!({ "input": { "sessionId": other.session } }),
        )
        .await,
    );

    // The probes' releases come first.
    let plan = loop {
        let event = next(&mut events, "accountEvents").await;
        if event["__typename"] != "QuotaChanged" {
            break event;
        }
        assert!(
            event["quota"]["reserved"].as_i64().unwrap() <= 1,
            "not what happened to somebody else"
        );
    };
    assert_eq!(
        (&plan["__typename"], &plan["plan"]),
        (&json!("PlanChanged"), &json!("PRO"))
    );
    let roles = next(&mut events, "accountEvents").await;
    assert_eq!(
        (&roles["__typename"], &roles["roles"], &roles["scopes"]),
        (
            &json!("RolesChanged"),
            &json!(["worker"]),
            &json!(["account:read", "account:write", "worker"])
        )
    );
    let sessions = next(&mut events, "accountEvents").await;
    assert_eq!(
        (&sessions["sessionIds"], &sessions["reason"]),
        (&json!([other.session]), &json!("KICKED"))
    );

    // Another connection goes on behind an event that was seen.
    let mut resumed = follow(
        &app,
        &alice.actor,
        ACCOUNT,
        json!({ "after": plan["cursor"] }),
    );
    assert_eq!(next(&mut resumed, "accountEvents").await, roles);
    assert_eq!(next(&mut resumed, "accountEvents").await, sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_are_followed_by_meter() {
    let mut app = App::new().await;
    app.start();
    let alice = app.register("alice").await;
    let mut events = follow(&app, &alice.actor, QUOTA, json!({}));
    let first = connected(&app, &alice, &mut events, "quotaChanged").await;
    assert_eq!(first["__typename"], "QuotaChanged");
    reserve(&app, &alice, "VIDEOS", 2, "other meter").await;
    reserve(&app, &alice, "PROJECTS", 7, "this meter").await;
    loop {
        let event = next(&mut events, "quotaChanged").await;
        match event["quota"]["reserved"].as_i64().unwrap() {
            7 => break,
            reserved => assert!(reserved <= 1, "only of the probes: {event}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_and_forged_cursors_get_no_events() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    let mut refused = follow(&app, &Actor::anonymous(), ACCOUNT, json!({}));
    assert_eq!(
        refused.next().await.unwrap()["errors"][0]["extensions"]["code"],
        "UNAUTHENTICATED"
    );
    let mut refused = follow(
        &app,
        &alice.actor,
        ACCOUNT,
        json!({ "after": "AAAAAAAAAAAAAAAAAAAA" }),
    );
    assert_eq!(
        refused.next().await.unwrap()["errors"][0]["extensions"]["code"],
        "BAD_USER_INPUT"
    );
}
