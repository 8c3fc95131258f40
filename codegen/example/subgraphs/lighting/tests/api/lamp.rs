//! Lamps.

use atelier_contracts::accounts::UserDeleted;
use atelier_kit::actor::Actor;
use atelier_lighting::{MIGRATIONS, NAME, subgraph};
use atelier_testing::{Harness, deps};
use serde_json::{Value, json};

const CREATE: &str = "mutation($name: String!) { lampCreate(input: { name: $name }) { lamp { id name } userErrors { code path } } }";
const RENAME: &str = "mutation($id: ID!, $name: String!) { lampRename(input: { id: $id, name: $name }) { lamp { name } userErrors { code } } }";
const DELETE: &str =
    "mutation($id: ID!) { lampDelete(input: { id: $id }) { deletedId userErrors { code } } }";
const FIND: &str = "query($id: ID!) { lamp(id: $id) { name owner { id } } }";
const LIST: &str = "query($first: Int, $after: Cursor) { viewer { lamps(first: $first, after: $after) { totalCount nodes { name } pageInfo { endCursor hasNextPage } } } }";
const ENTITIES: &str =
    "query($of: [_Any!]!) { _entities(representations: $of) { ... on Lamp { name } } }";
const FOLLOW: &str = "subscription($after: Cursor) { lampEvents(after: $after) { __typename ... on LampCreated { cursor lampId lamp { name } } ... on LampUpdated { lampId lamp { name } } ... on LampDeleted { lampId } } }";

async fn harness() -> Harness {
    Harness::new(deps(NAME, &MIGRATIONS).await, subgraph)
}

fn somebody(harness: &Harness) -> Actor {
    Actor::user(harness.deps().new_id(), &[])
}

async fn create(harness: &Harness, actor: &Actor, name: &str) -> Value {
    let created = harness.done(actor, CREATE, json!({ "name": name })).await;
    created["lamp"]["id"].clone()
}

async fn names(harness: &Harness, actor: &Actor) -> Value {
    let data = harness.data(actor, LIST, json!({ "first": 100 })).await;
    let nodes = data["viewer"]["lamps"]["nodes"].as_array();
    let nodes = nodes.expect("the caller has lamps");
    nodes.iter().map(|node| node["name"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lamp_is_seen_by_its_owner_and_by_nobody_else() {
    let harness = harness().await;
    let (ada, eve) = (somebody(&harness), somebody(&harness));
    let id = create(&harness, &ada, "first").await;
    let seen = json!({ "name": "first", "owner": { "id": ada.user_id() } });
    for (actor, expected) in [
        (ada, seen),
        (eve, Value::Null),
        (Actor::anonymous(), Value::Null),
    ] {
        let data = harness.data(&actor, FIND, json!({ "id": id })).await;
        assert_eq!(data["lamp"], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_renames_and_deletes_a_lamp() {
    let harness = harness().await;
    let ada = somebody(&harness);
    let id = create(&harness, &ada, "first").await;
    let renamed = json!({ "id": id, "name": "  second\u{7} " });
    let renamed = harness.done(&ada, RENAME, renamed).await;
    assert_eq!(renamed["lamp"]["name"], "second");
    let deleted = harness.done(&ada, DELETE, json!({ "id": id })).await;
    assert_eq!(deleted["deletedId"], id);
    assert_eq!(names(&harness, &ada).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_changes_a_lamp() {
    let harness = harness().await;
    let (ada, eve) = (somebody(&harness), somebody(&harness));
    let id = create(&harness, &ada, "first").await;
    for mutation in [RENAME, DELETE] {
        for (actor, code) in [
            (&eve, "NOT_FOUND"),
            (&Actor::anonymous(), "UNAUTHENTICATED"),
        ] {
            let variables = json!({ "id": id, "name": "mine" });
            assert_eq!(harness.refused(actor, mutation, variables).await, [code]);
        }
    }
    assert_eq!(names(&harness, &ada).await, json!(["first"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_name_is_refused_and_nothing_is_changed() {
    let harness = harness().await;
    let ada = somebody(&harness);
    let id = create(&harness, &ada, "first").await;
    for mutation in [CREATE, RENAME] {
        for name in [" ".to_owned(), "n".repeat(101)] {
            let variables = json!({ "id": id, "name": name });
            let refused = harness.refused(&ada, mutation, variables).await;
            assert_eq!(refused, ["NAME_INVALID"]);
        }
    }
    assert_eq!(names(&harness, &ada).await, json!(["first"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_pages_through_their_own_lamps_newest_first() {
    let harness = harness().await;
    let (ada, eve) = (somebody(&harness), somebody(&harness));
    for name in ["a", "b", "c"] {
        harness.advance(1);
        create(&harness, &ada, name).await;
        create(&harness, &eve, "not hers").await;
    }
    let page = async |after: Value| {
        let variables = json!({ "first": 2, "after": after });
        let data = harness.data(&ada, LIST, variables).await;
        data["viewer"]["lamps"].clone()
    };
    let first = page(Value::Null).await;
    assert_eq!(first["nodes"], json!([{ "name": "c" }, { "name": "b" }]));
    assert_eq!(first["totalCount"], 3);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let last = page(first["pageInfo"]["endCursor"].clone()).await;
    assert_eq!(last["nodes"], json!([{ "name": "a" }]));
    assert_eq!(last["pageInfo"]["hasNextPage"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_lamps_are_found_by_one_statement() {
    let harness = harness().await;
    let ada = somebody(&harness);
    let mut of = Vec::new();
    for number in 0..100 {
        let id = create(&harness, &ada, &number.to_string()).await;
        of.push(json!({ "__typename": "Lamp", "id": id }));
    }
    let asked = harness.data(&ada, ENTITIES, json!({ "of": of }));
    let (data, statements) = harness.counted(asked).await;
    assert_eq!(data["_entities"][99]["name"], "99");
    assert_eq!(statements, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_owner_follows_a_lamp_and_resumes_behind_an_event() {
    let harness = harness().await;
    let (ada, eve) = (somebody(&harness), somebody(&harness));
    let mut events = harness.follow(&ada, FOLLOW, json!({})).await;
    create(&harness, &eve, "not hers").await;
    let id = create(&harness, &ada, "first").await;
    harness.publish().await;
    let created = events.next().await.expect("the subscription goes on");
    assert_eq!(created["__typename"], "LampCreated");
    assert_eq!(created["lampId"], id);
    assert_eq!(created["lamp"]["name"], "first");
    let renamed = json!({ "id": id, "name": "second" });
    harness.done(&ada, RENAME, renamed).await;
    harness.done(&ada, DELETE, json!({ "id": id })).await;
    harness.publish().await;
    let after = json!({ "after": created["cursor"] });
    let mut resumed = harness.follow(&ada, FOLLOW, after).await;
    for kind in ["LampUpdated", "LampDeleted"] {
        let event = resumed.next().await.expect("the subscription goes on");
        assert_eq!(event["__typename"], kind);
        assert_eq!(event["lampId"], id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lamps_of_somebody_who_is_gone_are_deleted() {
    let harness = harness().await;
    let (ada, eve) = (somebody(&harness), somebody(&harness));
    create(&harness, &ada, "hers").await;
    create(&harness, &eve, "not hers").await;
    let user = ada.user_id().expect("a user");
    for _ in 0..2 {
        harness.told("accounts", &UserDeleted { user }).await;
        assert_eq!(names(&harness, &ada).await, json!([]));
        assert_eq!(names(&harness, &eve).await, json!(["not hers"]));
    }
}
