//! Somebody who has one of everything, for others to try their hands on.

use std::collections::BTreeMap;

use atelier_kit::clock::random_bytes;
use serde_json::{Value, json};

use crate::{
    target::{Person, Target},
    uploads::{picture, task_ended, upload},
};

/// What the victim calls everything of theirs. Nobody else may ever read it.
pub const SECRET: &str = "zanzibar";

/// The victim and the ids of what is theirs, by prefix.
pub struct Victim {
    pub person: Person,
    pub ids: BTreeMap<&'static str, String>,
}

impl Victim {
    /// Makes them. `name` must hold nothing of [`SECRET`]: names are public.
    pub async fn new(target: &Target, name: &str) -> Self {
        let person = target.person(name).await;
        let done = upload(&person.client, &format!("{SECRET}.png"), picture(7)).await;
        let done = done.expect("an upload");
        task_ended(&person.client, &done.task).await;
        let input = json!({ "filename": format!("{SECRET}-2.png"), "contentType": "image/png", "byteSize": 4000 });
        let query = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { id } } }";
        let open = person.client.run(query, json!({ "input": input })).await;
        let query = "mutation($input: AccessTokenCreateInput!) { accessTokenCreate(input: $input) { accessToken { id } } }";
        let token = person
            .client
            .run(query, json!({ "input": { "name": SECRET } }))
            .await;
        let (role, worker) = kept_by_admin(target).await;
        let text = |value: &Value| value.as_str().expect("an id").to_owned();
        let ids = BTreeMap::from([
            ("usr", person.id.clone()),
            ("ses", person.session.clone()),
            ("ast", done.asset),
            ("tsk", done.task),
            ("upl", text(&open["uploadCreate"]["upload"]["id"])),
            (
                "pat",
                text(&token["accessTokenCreate"]["accessToken"]["id"]),
            ),
            ("rol", role),
            ("wrk", worker),
            // Leases are unguessable; one that never was must look like one that is another's.
            ("lse", "lse_01k0000000e0080000000000zz".to_owned()),
        ]);
        Self { person, ids }
    }

    /// All that is the victim's, as the victim sees it.
    pub async fn everything(&self) -> Value {
        let query = "query($upload: ID!, $task: ID!) { \
            viewer { user { username displayName bio status avatar { id } } email emailVerified deleteAt scopes \
              roles { name scopes } sessions { nodes { id } } accessTokens { nodes { id name scopes } } \
              subscription { plan { code } status expiresAt } quotas { meter limit used reserved } \
              uploads { nodes { id status filename } } storage { assets bytes trashedAssets uploadingBytes } \
              assets { nodes { id filename status updatedAt deletedAt } } \
              tasks { nodes { id status attempt priority cancelRequested } } } \
            upload(id: $upload) { id status expiresAt } task(id: $task) { id status attempt priority } }";
        let variables = json!({ "upload": self.ids["upl"], "task": self.ids["tsk"] });
        self.person.client.run(query, variables).await
    }
}

/// A role and a worker, which are no user's.
async fn kept_by_admin(target: &Target) -> (String, String) {
    let admin = target.admin().await.client;
    let query = "mutation($input: RoleCreateInput!) { roleCreate(input: $input) { role { id } } }";
    let name = format!("role {}", hex::encode(random_bytes::<8>()));
    let role = admin
        .run(
            query,
            json!({ "input": { "name": name, "scopes": ["admin:users"] } }),
        )
        .await;
    // Where this credential may register no worker, one that never was must look like another's.
    let query = "mutation($input: WorkerRegisterInput!) { workerRegister(input: $input) { worker { id } userErrors { code } } }";
    let input = json!({ "name": SECRET, "queues": ["strangers"] });
    let worker = admin
        .send(query, json!({ "input": input }))
        .await
        .expect("an answer");
    let worker = worker
        .pointer("/data/workerRegister/worker/id")
        .and_then(Value::as_str);
    let worker = worker
        .unwrap_or("wrk_01k0000000e0080000000000zz")
        .to_owned();
    let id = |value: &Value| {
        value["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{value:#}"))
            .to_owned()
    };
    (id(&role["roleCreate"]["role"]), worker)
}
