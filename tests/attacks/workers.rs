//! A worker's credential in hostile hands: it works on what it was granted, and on nothing else.

use serde_json::{Value, json};

use crate::{
    harness::Client,
    target::{Target, attacks, code},
    uploads::{picture, upload},
    victim::SECRET,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_workers_credential_is_bound_to_what_was_granted() {
    // No worker of the system takes the tasks away from those who should not get them.
    let target = Target::up_with(&["--no-worker"], &[], "").await;
    target
        .in_turn(attacks![target; queues_of_the_system_are_leased_by_nobody_else])
        .await;
}

/// A key with the scope of workers and no grant.
async fn key(target: &Target) -> Client {
    let admin = target.admin().await.client;
    let query = "mutation { accessTokenCreate(input: { name: \"worker\", kind: API_KEY, scopes: [\"worker\"] }) { secret } }";
    let made = admin.run(query, json!({})).await;
    target.client.with_token(
        made["accessTokenCreate"]["secret"]
            .as_str()
            .expect("a secret"),
    )
}

const REGISTER: &str = "mutation($input: WorkerRegisterInput!) { workerRegister(input: $input) { worker { id } userErrors { code } } }";
const LEASE: &str = "mutation($input: TaskLeaseInput!) { taskLease(input: $input) { leases { leaseId taskId payload } userErrors { code } } }";

async fn queues_of_the_system_are_leased_by_nobody_else(target: Target) {
    let person = target.person("quentin").await;
    let done = upload(&person.client, &format!("{SECRET}.png"), picture(2))
        .await
        .expect("an upload");
    let admin = target.admin().await.client;
    let query = "query($id: ID!) { task(id: $id) { queue type status } }";
    let task = admin.run(query, json!({ "id": done.task })).await["task"].clone();
    let key = key(&target).await;
    for queue in [
        task["queue"].clone(),
        json!("default"),
        json!("*"),
        json!("strangers"),
    ] {
        let answer = key
            .send(
                REGISTER,
                json!({ "input": { "name": "thief", "queues": [queue] } }),
            )
            .await
            .expect("an answer");
        let Some(worker) = answer
            .pointer("/data/workerRegister/worker/id")
            .and_then(Value::as_str)
        else {
            assert!(
                code(&answer).is_some_and(|code| code != "INTERNAL"),
                "{answer:#}"
            );
            continue;
        };
        let leased = key
            .send(LEASE, json!({ "input": { "workerId": worker, "max": 10 } }))
            .await
            .expect("an answer");
        assert!(
            !leased.to_string().contains("lse_"),
            "a stranger got tasks of {queue}: {leased:#}"
        );
    }
    let after = admin.run(query, json!({ "id": done.task })).await["task"].clone();
    assert_eq!(after, task, "the task was touched");
}
