//! Plans.

use atelier_kit::actor::Actor;
use serde_json::json;

use crate::app::{App, codes, done};

const SET: &str = "mutation($input: UserPlanSetInput!) { userPlanSet(input: $input) { user { id } userErrors { code path } } }";

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_plans_and_what_they_grant() {
    let app = App::new().await;
    let data = app
        .run(
            &Actor::anonymous(),
            "{ plans { code name quotas { meter limit monthly } } }",
            json!({}),
        )
        .await;
    let plans = data["plans"].as_array().unwrap();
    let codes: Vec<_> = plans
        .iter()
        .map(|plan| plan["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["FREE", "BASIC", "PRO", "ENTERPRISE"]);
    assert!(
        plans
            .iter()
            .all(|plan| plan["quotas"].as_array().unwrap().len() == 6)
    );
    assert!(
        plans[3]["quotas"]
            .as_array()
            .unwrap()
            .iter()
            .all(|quota| quota["limit"].is_null()),
        "the largest has no limits"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_puts_somebody_on_a_plan_and_its_quotas_count_at_once() {
    let app = App::new().await;
    let (admin, alice) = (app.admin().await, app.register("alice").await);
    let limit = || async {
        let data = app
            .run(
                &alice.actor,
                "{ viewer { quota(meter: PROJECTS) { limit } subscription { plan { code } } } }",
                json!({}),
            )
            .await;
        (
            data["viewer"]["quota"]["limit"].clone(),
            data["viewer"]["subscription"]["plan"]["code"].clone(),
        )
    };
    assert_eq!(limit().await, (json!(10), json!("FREE")));
    let input = json!({ "input": { "userId": alice.id, "plan": "PRO" } });
    assert_eq!(
        app.refused(&alice.actor, SET, input.clone()).await,
        "FORBIDDEN"
    );
    assert_eq!(limit().await, (json!(10), json!("FREE")));
    done(app.run(&admin.actor, SET, input).await);
    assert_eq!(limit().await, (json!(500), json!("PRO")));
    assert_eq!(
        app.count("audit_event WHERE action = 'user.plan_set' AND details->>'after' = 'PRO'")
            .await,
        1
    );
    let past = json!({ "input": { "userId": alice.id, "plan": "FREE", "expiresAt": "2020-01-01T00:00:00Z" } });
    assert_eq!(
        codes(app.run(&admin.actor, SET, past).await),
        ["IN_THE_PAST"]
    );
    assert_eq!(limit().await, (json!(500), json!("PRO")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plan_grants_is_data() {
    let app = App::new().await;
    let alice = app.register("alice").await;
    app.execute(
        "UPDATE accounts.plan_quota SET amount = 3 WHERE plan = 'FREE' AND meter = 'PROJECTS'",
    )
    .await;
    let data = app
        .run(
            &alice.actor,
            "{ viewer { quota(meter: PROJECTS) { limit remaining } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        data["viewer"]["quota"],
        json!({ "limit": 3, "remaining": 3 })
    );
}
