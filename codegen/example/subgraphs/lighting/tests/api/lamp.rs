//! Lamps.

use std::sync::Arc;

use async_graphql::{Request, Variables};
use atelier_contracts::accounts::UserDeleted;
use atelier_kit::{
    Subgraph,
    actor::Actor,
    event::{Event, Fact, Relay},
    graphql::Service,
    id::{Id, User},
    testing::{TestDeps, deps},
};
use futures::{StreamExt, stream::BoxStream};
use serde_json::{Value, json};

use atelier_lighting::{MIGRATIONS, NAME, subgraph};

const CREATE: &str = "mutation($name: String!) { lampCreate(input: { name: $name }) { lamp { id name } userErrors { code path } } }";
const RENAME: &str = "mutation($id: ID!, $name: String!) { lampRename(input: { id: $id, name: $name }) { lamp { name } userErrors { code path } } }";
const DELETE: &str =
    "mutation($id: ID!) { lampDelete(input: { id: $id }) { deletedId userErrors { code path } } }";
const FIND: &str = "query($id: ID!) { lamp(id: $id) { name owner { id } } }";
const LIST: &str = "query($first: Int, $after: Cursor) { viewer { lamps(first: $first, after: $after) { totalCount nodes { name } pageInfo { endCursor hasNextPage } } } }";
const ENTITIES: &str =
    "query($of: [_Any!]!) { _entities(representations: $of) { ... on Lamp { name } } }";
const FOLLOW: &str = "subscription($after: Cursor) { lampEvents(after: $after) { __typename ... on LampCreated { cursor lampId lamp { name } } ... on LampUpdated { cursor lampId lamp { name } } ... on LampDeleted { cursor lampId } } }";

struct World {
    test: TestDeps,
    graph: Subgraph,
}

impl World {
    async fn new() -> Self {
        let test = deps(NAME, &MIGRATIONS).await;
        let graph = subgraph(test.deps.clone());
        Self { test, graph }
    }

    fn service(&self) -> &Service {
        &self.graph.service
    }

    fn somebody(&self) -> Arc<Actor> {
        let id = Id::generate(&*self.test.deps.clock, &*self.test.deps.random);
        Arc::new(Actor::user(id, &[]))
    }

    async fn ask(&self, actor: &Arc<Actor>, query: &str, variables: Value) -> Value {
        let request = Request::new(query)
            .variables(Variables::from_json(variables))
            .data(Arc::clone(actor));
        let answer = self.service().execute(request).await;
        serde_json::to_value(answer).expect("a response is JSON")
    }

    async fn create(&self, actor: &Arc<Actor>, name: &str) -> String {
        let answer = self.ask(actor, CREATE, json!({ "name": name })).await;
        let id = answer.pointer("/data/lampCreate/lamp/id");
        id.and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    async fn names(&self, actor: &Arc<Actor>) -> Vec<String> {
        let answer = self.ask(actor, LIST, json!({ "first": 100 })).await;
        let nodes = answer.pointer("/data/viewer/lamps/nodes");
        let nodes = nodes
            .and_then(Value::as_array)
            .unwrap_or_else(|| panic!("{answer}"));
        nodes
            .iter()
            .map(|node| node["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    fn follow(&self, actor: &Arc<Actor>, after: Option<&str>) -> BoxStream<'static, Value> {
        let request = Request::new(FOLLOW)
            .variables(Variables::from_json(json!({ "after": after })))
            .data(Arc::clone(actor));
        let events = self.service().execute_stream(request);
        events
            .map(|answer| {
                let answer = serde_json::to_value(answer).expect("a response is JSON");
                answer["data"]["lampEvents"].clone()
            })
            .boxed()
    }

    async fn publish(&self) {
        Relay::new(self.test.deps.clone()).drain().await.unwrap();
    }

    /// Tells the domain's consumers that a user's account is gone.
    async fn user_deleted(&self, user: Id<User>) {
        let fact = UserDeleted { user };
        let event = Event {
            id: self.test.deps.new_uuid(),
            domain: "accounts".to_owned(),
            topic: fact.topic().to_owned(),
            key: fact.key(),
            concerns: fact.concerns(),
            payload: fact.payload().unwrap(),
            trace: None,
            occurred_at: self.test.deps.clock.now(),
        };
        for consumer in self.graph.consumers() {
            consumer
                .handle(&self.test.deps, vec![event.clone()])
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_is_seen_by_its_owner_and_by_nobody_else() {
    let world = World::new().await;
    let (ada, eve) = (world.somebody(), world.somebody());
    let id = world.create(&ada, "first").await;
    let owner = ada.user_id().unwrap();
    for (actor, expected) in [
        (ada, json!({ "name": "first", "owner": { "id": owner } })),
        (eve, Value::Null),
        (Arc::default(), Value::Null),
    ] {
        let answer = world.ask(&actor, FIND, json!({ "id": id })).await;
        assert_eq!(answer["data"]["lamp"], expected, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_renames_and_deletes_a_lamp() {
    let world = World::new().await;
    let ada = world.somebody();
    let id = world.create(&ada, "first").await;
    let renamed = json!({ "id": id, "name": "  second\u{7} " });
    let answer = world.ask(&ada, RENAME, renamed).await;
    assert_eq!(
        answer["data"]["lampRename"]["lamp"]["name"], "second",
        "{answer}"
    );
    let answer = world.ask(&ada, DELETE, json!({ "id": id })).await;
    assert_eq!(answer["data"]["lampDelete"]["deletedId"], json!(id));
    assert_eq!(world.names(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_a_lamp() {
    let world = World::new().await;
    let (ada, eve) = (world.somebody(), world.somebody());
    let id = world.create(&ada, "first").await;
    let refused = json!([{ "code": "NOT_FOUND", "path": ["input", "id"] }]);
    for (query, field) in [(RENAME, "lampRename"), (DELETE, "lampDelete")] {
        let variables = json!({ "id": id, "name": "mine" });
        let answer = world.ask(&eve, query, variables.clone()).await;
        assert_eq!(answer["data"][field]["userErrors"], refused, "{answer}");
        let answer = world.ask(&Arc::default(), query, variables).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    }
    assert_eq!(world.names(&ada).await, ["first"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_name_is_refused_and_nothing_is_created() {
    let world = World::new().await;
    let ada = world.somebody();
    let refused = json!([{ "code": "NAME_INVALID", "path": ["input", "name"] }]);
    for name in [" ".to_owned(), "n".repeat(101)] {
        let answer = world.ask(&ada, CREATE, json!({ "name": name })).await;
        let payload = &answer["data"]["lampCreate"];
        assert_eq!(payload["userErrors"], refused, "{answer}");
    }
    assert_eq!(world.names(&ada).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_pages_through_their_own_lamps() {
    let world = World::new().await;
    let (ada, eve) = (world.somebody(), world.somebody());
    for name in ["a", "b", "c"] {
        world.create(&ada, name).await;
    }
    world.create(&eve, "hers").await;
    let mut after = Value::Null;
    let mut seen = Vec::new();
    loop {
        let variables = json!({ "first": 2, "after": after });
        let answer = world.ask(&ada, LIST, variables).await;
        let page = &answer["data"]["viewer"]["lamps"];
        assert_eq!(page["totalCount"], 3, "{answer}");
        for node in page["nodes"].as_array().unwrap() {
            seen.push(node["name"].as_str().unwrap().to_owned());
        }
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_lamps_are_found_by_one_statement() {
    let world = World::new().await;
    let ada = world.somebody();
    let mut of = Vec::new();
    for number in 0..100 {
        let id = world.create(&ada, &number.to_string()).await;
        of.push(json!({ "__typename": "Lamp", "id": id }));
    }
    let before = world.test.deps.db.statements();
    let answer = world.ask(&ada, ENTITIES, json!({ "of": of })).await;
    assert_eq!(answer["data"]["_entities"][99]["name"], "99", "{answer}");
    assert_eq!(world.test.deps.db.statements() - before, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_follows_a_lamp_and_resumes_behind_an_event() {
    let world = World::new().await;
    let (ada, eve) = (world.somebody(), world.somebody());
    let mut events = world.follow(&ada, None);
    let first = {
        let mut first = std::pin::pin!(events.next());
        // Polled once, the subscription stands.
        while futures::poll!(&mut first).is_ready() {}
        world.create(&eve, "hers").await;
        let id = world.create(&ada, "first").await;
        world.publish().await;
        let first = first.await.unwrap();
        assert_eq!(first["lampId"], json!(id), "{first}");
        first
    };
    assert_eq!(first["__typename"], "LampCreated");
    assert_eq!(first["lamp"]["name"], "first");
    world
        .ask(&ada, DELETE, json!({ "id": first["lampId"] }))
        .await;
    world.publish().await;
    let mut resumed = world.follow(&ada, first["cursor"].as_str());
    assert_eq!(resumed.next().await.unwrap()["__typename"], "LampDeleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lamps_of_somebody_who_is_gone_are_deleted() {
    let world = World::new().await;
    let (ada, eve) = (world.somebody(), world.somebody());
    world.create(&ada, "hers").await;
    world.create(&eve, "not hers").await;
    for _ in 0..2 {
        world.user_deleted(ada.user_id().unwrap()).await;
        assert_eq!(world.names(&ada).await, [""; 0]);
        assert_eq!(world.names(&eve).await, ["not hers"]);
    }
}
