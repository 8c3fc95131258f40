//! Any object by its id, in one process and in parts.

use serde_json::{Value, json};

use crate::{
    harness::{Atelier, Client, Place, eventually},
    journey::parts,
    uploads::{picture, upload},
};

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id \
    ... on Asset { filename } ... on Task { type } ... on User { username } } }";

/// A user with a file: their client and the ids of the user, the file and its task.
async fn somebody(client: &Client, username: &str) -> (Client, [String; 3]) {
    let client = client.registered(username).await;
    let uploaded = upload(&client, "sea.png", picture(1))
        .await
        .expect("the upload is completed");
    // Tasks are taken up from the asking domain's events, a moment later.
    let query = "query($id: ID!) { task(id: $id) { id } }";
    eventually("the taking up of the task", || async {
        let task = client.run(query, json!({ "id": uploaded.task })).await;
        task["task"].is_object().then_some(())
    })
    .await;
    let user = client.run("{ viewer { id } }", json!({})).await["viewer"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    (client, [user, uploaded.asset, uploaded.task])
}

async fn come_by_id(client: &Client) {
    let (ada, [user, asset, task]) = somebody(client, "ada").await;
    let ids = json!({ "ids": [task, "nothing", user, asset] });
    let nodes = ada.run(NODES, ids.clone()).await["nodes"].take();
    assert_eq!(nodes[0]["__typename"], "Task");
    assert!(nodes[0]["type"].is_string());
    assert_eq!(nodes[1], Value::Null);
    assert_eq!(
        nodes[2],
        json!({ "__typename": "User", "id": user, "username": "ada" })
    );
    assert_eq!(
        nodes[3],
        json!({ "__typename": "Asset", "id": asset, "filename": "sea.png" })
    );
    // To others it is as if what is Ada's were not there.
    let eve = client.registered("eve").await;
    let answer = eve.send(NODES, ids.clone()).await.expect("an answer");
    let nodes = &answer["data"]["nodes"];
    assert_eq!(nodes[2]["username"], "ada");
    for hidden in [0, 1, 3] {
        assert_eq!(nodes[hidden], Value::Null, "{answer:#}");
    }
    let answer = client.send(NODES, ids).await.expect("an answer");
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(
        answer.pointer("/errors/0/extensions/code"),
        Some(&json!("UNAUTHENTICATED"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_come_by_id_in_one_process() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    come_by_id(&atelier.client).await;
    atelier.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_come_by_id_in_parts() {
    let place = Place::new().await;
    let parts = parts(&place).await;
    come_by_id(&parts.client).await;
}
