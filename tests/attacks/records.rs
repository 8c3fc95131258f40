//! What is on record of an attack, and what an attacker can make the record say.

use serde_json::{Value, json};

use crate::{
    harness::eventually,
    target::{PASSWORD, Target, attacks},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_record_says_what_happened() {
    let target = Target::up().await;
    target
        .side_by_side(
            attacks![target; ids_of_requests_are_the_logs, sign_ins_and_failures_are_on_record],
        )
        .await;
}

async fn events(target: &Target, filter: Value) -> Vec<Value> {
    let admin = target.admin().await.client;
    let query = "query($where: AuditWhere) { auditEvents(where: $where, first: 50) { nodes { action ip requestId targetId details actor { id } } } }";
    let events = admin.run(query, json!({ "where": filter })).await;
    events["auditEvents"]["nodes"]
        .as_array()
        .expect("events")
        .clone()
}

async fn ids_of_requests_are_the_logs(target: Target) {
    let person = target.person("nadia").await;
    for id in [
        "x".repeat(90_000),
        "a\tb".to_owned(),
        "<script>alert(1)</script>".repeat(10),
        "chosen-by-a-client".to_owned(),
    ] {
        let query = json!({ "query": "mutation { accessTokenCreate(input: { name: \"record\" }) { accessToken { id } } }" });
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header("x-request-id", id.as_str());
        let response = request
            .bearer_auth(person.client.token.as_deref().expect("signed in"))
            .json(&query)
            .send()
            .await
            .expect("an answer");
        let told = response.headers()["x-request-id"]
            .to_str()
            .expect("text")
            .to_owned();
        let answer: Value = response.json().await.expect("JSON");
        let made = answer["data"]["accessTokenCreate"]["accessToken"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer:#}"));
        let noted = events(&target, json!({ "targetId": made })).await;
        assert_eq!(noted.len(), 1, "{noted:#?}");
        assert_eq!(
            noted[0]["requestId"],
            json!(told),
            "the record has another id than the log"
        );
        assert!(told.len() <= 128, "{} characters", told.len());
    }
}

async fn sign_ins_and_failures_are_on_record(target: Target) {
    let person = target.person("nelly").await;
    target
        .log_in(&person.name, "a wrong guess 1", "203.0.113.151")
        .await;
    target
        .signed_in(&person.name, PASSWORD, "203.0.113.152")
        .await;
    for ip in ["203.0.113.151", "203.0.113.152"] {
        eventually("an entry of the record", || async {
            let noted = events(&target, json!({ "targetId": person.id })).await;
            noted.iter().any(|event| event["ip"] == ip).then_some(())
        })
        .await;
    }
    let all = events(&target, json!({})).await;
    let text = json!(all).to_string();
    assert!(
        !text.contains(PASSWORD) && !text.contains("a wrong guess"),
        "a password is on record"
    );
}
