//! The domains in one process, each with a database of its own, behind a router that counts.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use atelier_kit::{
    Subgraph,
    actor::Actor,
    clock::random_bytes,
    id::{Id, User},
    jobs::NewTask,
    peers::LocalPeers,
};
use atelier_router::{
    Caller, ClientRequest, Outcome, Router, SubgraphClient, SubgraphError, SubgraphRequest,
    SubgraphResponse, Supergraph,
};
use atelier_storage::StorageConfig;
use atelier_tasks::{Engine, EngineConfig};
use atelier_testing::{TestDeps, deps_with, test_servers};
use futures::stream::BoxStream;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{MOST, NAME, TYPES, service};
use crate::{
    domains::{DOMAINS, Shared},
    graph::{InProcess, SUPERGRAPH},
    settings::Servers,
};

/// A subgraph that notes how often it was asked.
struct Counted {
    name: &'static str,
    inner: InProcess,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

#[async_trait]
impl SubgraphClient for Counted {
    async fn execute(&self, request: SubgraphRequest) -> Result<SubgraphResponse, SubgraphError> {
        *self.calls.lock().await.entry(self.name).or_default() += 1;
        self.inner.execute(request).await
    }

    async fn subscribe(
        &self,
        request: SubgraphRequest,
    ) -> Result<BoxStream<'static, Result<SubgraphResponse, SubgraphError>>, SubgraphError> {
        self.inner.subscribe(request).await
    }
}

struct World {
    router: Router,
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    subgraphs: Vec<Subgraph>,
    _databases: Vec<TestDeps>,
}

async fn world() -> World {
    let peers = LocalPeers::default();
    let (mut servers, here) = (Servers::nowhere().unwrap(), test_servers().await);
    servers.storage = StorageConfig {
        endpoint: here.s3_endpoint.clone(),
        public_endpoint: here.s3_endpoint.clone(),
        region: here.s3_region.clone(),
        bucket: format!("nodes-{}", hex::encode(random_bytes::<8>())),
        access_key: here.s3_access_key.clone(),
        secret_key: here.s3_secret_key.clone(),
        path_style: true,
    };
    let shared = Shared::new(&servers, Arc::new(peers.clone())).unwrap();
    shared.storage.ensure_bucket().await.unwrap();
    let (mut databases, mut subgraphs) = (Vec::new(), Vec::new());
    for domain in DOMAINS {
        let test = deps_with(domain.name, domain.migrations, Arc::new(peers.clone())).await;
        subgraphs.push((domain.build)(test.deps.clone(), &shared).unwrap());
        databases.push(test);
    }
    let services: HashMap<_, _> = subgraphs
        .iter()
        .map(|subgraph| (subgraph.name.to_owned(), subgraph.service.clone()))
        .collect();
    peers.set(services);
    let calls = Arc::new(Mutex::default());
    let mut builder = Router::builder(Supergraph::parse(SUPERGRAPH).unwrap());
    let domains = subgraphs
        .iter()
        .map(|subgraph| (subgraph.name, subgraph.service.clone()));
    for (name, service) in domains.chain([(NAME, service())]) {
        let counted = Counted {
            name,
            inner: InProcess::new(name, &service),
            calls: Arc::clone(&calls),
        };
        builder = builder.subgraph(name, Arc::new(counted));
    }
    World {
        router: builder.build().unwrap(),
        calls,
        subgraphs,
        _databases: databases,
    }
}

impl World {
    async fn ask(&self, user: Option<Id<User>>, query: &str, variables: Value) -> Value {
        let mut request = ClientRequest::new(query);
        request.params.variables = variables.as_object().cloned();
        let mut caller = Caller::default();
        if let Some(user) = user {
            caller.authenticated = true;
            let actor = Actor::user(user, &[]);
            caller.extensions.insert(Arc::new(actor));
        }
        request.caller = Arc::new(caller);
        let Outcome::Single(response) = self.router.execute(request).await else {
            panic!("a stream");
        };
        let mut answer: Value = serde_json::from_slice(&response.body).unwrap();
        // What tells one request from another and nothing else.
        for error in answer["errors"].as_array_mut().into_iter().flatten() {
            if let Some(extensions) = error["extensions"].as_object_mut() {
                extensions.remove("requestId");
            }
        }
        if answer["errors"].is_null() {
            answer.as_object_mut().unwrap().remove("errors");
        }
        answer
    }

    async fn register(&self, username: &str) -> Id<User> {
        let register = "mutation($input: AuthRegisterInput!) { authRegister(input: $input) { userErrors { code } } }";
        let input = json!({ "username": username, "email": format!("{username}@example.org"), "password": "correct horse battery" });
        let answer = self.ask(None, register, json!({ "input": input })).await;
        assert_eq!(
            answer,
            json!({ "data": { "authRegister": { "userErrors": [] } } })
        );
        let query = "query($username: String!) { user(username: $username) { id } }";
        let answer = self.ask(None, query, json!({ "username": username })).await;
        answer["data"]["user"]["id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    async fn upload(&self, user: Id<User>) -> String {
        let create = "mutation($input: UploadCreateInput!) { uploadCreate(input: $input) { upload { id } userErrors { code message } } }";
        let input = json!({ "filename": "a.png", "contentType": "image/png", "byteSize": 10 });
        let answer = self
            .ask(Some(user), create, json!({ "input": input }))
            .await;
        let id = &answer["data"]["uploadCreate"]["upload"]["id"];
        id.as_str()
            .unwrap_or_else(|| panic!("{answer:#}"))
            .to_owned()
    }

    async fn task(&self, user: Id<User>) -> String {
        let tasks = self
            .subgraphs
            .iter()
            .find(|subgraph| subgraph.name == atelier_tasks::NAME);
        let deps = tasks.unwrap().deps.clone();
        let task = NewTask {
            owner: Some(user),
            ..NewTask::new(deps.new_id(), "test.work", "work", json!({}))
        };
        let id = task.id.to_string();
        let engine = Engine::new(deps, EngineConfig::default());
        engine.enqueue(&[task]).await.unwrap();
        id
    }

    fn statements(&self) -> u64 {
        self.subgraphs
            .iter()
            .map(|subgraph| subgraph.deps.db.statements())
            .sum()
    }

    async fn calls(&self) -> BTreeMap<&'static str, usize> {
        std::mem::take(&mut *self.calls.lock().await)
    }
}

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id \
    ... on User { username } ... on Upload { filename } ... on Task { type } } }";
const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id \
    ... on User { username } ... on Upload { filename } ... on Task { type } } }";

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_any_domain_come_by_id() {
    let world = world().await;
    let ada = world.register("ada").await;
    let (upload, task) = (world.upload(ada).await, world.task(ada).await);
    for (id, node) in [
        (
            ada.to_string(),
            json!({ "__typename": "User", "id": ada, "username": "ada" }),
        ),
        (
            upload.clone(),
            json!({ "__typename": "Upload", "id": upload, "filename": "a.png" }),
        ),
        (
            task.clone(),
            json!({ "__typename": "Task", "id": task, "type": "test.work" }),
        ),
    ] {
        let answer = world.ask(Some(ada), NODE, json!({ "id": id })).await;
        assert_eq!(answer, json!({ "data": { "node": node } }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_objects_come_in_their_order_with_one_call_for_each_type() {
    let world = world().await;
    let ada = world.register("ada").await;
    let mut ids = Vec::new();
    let mut expected = Vec::new();
    for _ in 0..5 {
        let (upload, task) = (world.upload(ada).await, world.task(ada).await);
        expected.extend([
            json!({ "__typename": "Task", "id": task, "type": "test.work" }),
            json!({ "__typename": "Upload", "id": upload, "filename": "a.png" }),
            json!({ "__typename": "User", "id": ada, "username": "ada" }),
            Value::Null,
        ]);
        ids.extend([task, upload, ada.to_string(), "nothing".to_owned()]);
    }
    world.calls().await;
    let before = world.statements();
    let answer = world.ask(Some(ada), NODES, json!({ "ids": ids })).await;
    assert_eq!(answer, json!({ "data": { "nodes": expected } }));
    assert_eq!(
        world.calls().await,
        [("accounts", 1), ("media", 1), ("node", 1), ("tasks", 1)].into()
    );
    assert_eq!(world.statements() - before, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_nothing_is_null_and_asks_nobody() {
    let world = world().await;
    let ada = world.register("ada").await;
    world.calls().await;
    let torn = ada.to_string()[..20].to_owned();
    for id in ["", "usr", "usr_", "zzz_00000000000000000000000000", &torn] {
        let answer = world.ask(Some(ada), NODE, json!({ "id": id })).await;
        assert_eq!(answer, json!({ "data": { "node": null } }), "{id}");
    }
    assert_eq!(world.calls().await.into_keys().collect::<Vec<_>>(), [NAME]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_looks_like_what_is_not_there() {
    let world = world().await;
    let (ada, eve) = (world.register("ada").await, world.register("eve").await);
    let deps = &world.subgraphs[0].deps;
    for (hidden, prefix) in [
        (world.upload(ada).await, "upl"),
        (world.task(ada).await, "tsk"),
    ] {
        let id: Id<User> = deps.new_id();
        let missing = id.to_string().replace("usr", prefix);
        for query in [NODE, "query($id: ID!) { node(id: $id) { id } }"] {
            let theirs = world.ask(Some(eve), query, json!({ "id": hidden })).await;
            let nobodys = world.ask(Some(eve), query, json!({ "id": missing })).await;
            assert_eq!(
                theirs.to_string().replace(&hidden, "?"),
                nobodys.to_string().replace(&missing, "?"),
                "both look the same"
            );
        }
        let nobodys = world.ask(Some(eve), NODE, json!({ "id": missing })).await;
        assert_eq!(nobodys, json!({ "data": { "node": null } }));
        let both = json!({ "ids": [hidden, missing, eve] });
        let answer = world.ask(Some(eve), NODES, both).await;
        let eve = json!({ "__typename": "User", "id": eve, "username": "eve" });
        assert_eq!(answer, json!({ "data": { "nodes": [null, null, eve] } }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_sign_in_and_no_domain_is_asked() {
    let world = world().await;
    let ada = world.register("ada").await;
    let upload = world.upload(ada).await;
    world.calls().await;
    for id in [upload, ada.to_string(), "nothing".to_owned()] {
        let answer = world.ask(None, NODE, json!({ "id": id })).await;
        assert_eq!(answer["data"], json!({ "node": null }));
        assert_eq!(
            answer.pointer("/errors/0/extensions/code"),
            Some(&json!("UNAUTHENTICATED"))
        );
    }
    assert_eq!(world.calls().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_ids_are_refused() {
    let world = world().await;
    let ada = world.register("ada").await;
    let ids = |count: usize| json!({ "ids": vec!["usr_x"; count] });
    let answer = world.ask(Some(ada), NODES, ids(MOST)).await;
    assert_eq!(
        answer,
        json!({ "data": { "nodes": vec![Value::Null; MOST] } })
    );
    let answer = world.ask(Some(ada), NODES, ids(MOST + 1)).await;
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(
        answer.pointer("/errors/0/extensions/code"),
        Some(&json!("BAD_USER_INPUT"))
    );
}

#[test]
fn every_entity_with_an_id_of_its_own_is_a_node() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schema");
    let mut declared = Vec::new();
    for domain in DOMAINS {
        let sdl = std::fs::read_to_string(format!("{folder}/{}.graphql", domain.name)).unwrap();
        declared.extend(
            sdl.lines()
                .filter(|line| line.starts_with("type ") && line.contains("@key(fields: \"id\")"))
                .filter_map(|line| line.split(' ').nth(1))
                // The caller, whose id is that of their account.
                .filter(|name| *name != "Viewer")
                .map(str::to_owned),
        );
    }
    declared.sort_unstable();
    let mut known: Vec<_> = TYPES.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort_unstable();
    assert_eq!(known, declared);
    let prefixes: std::collections::BTreeSet<_> = TYPES.iter().map(|(_, prefix)| prefix).collect();
    assert_eq!(prefixes.len(), TYPES.len(), "a prefix names one type");
}
