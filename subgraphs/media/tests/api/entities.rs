//! Entities, as the router asks for them.

use atelier_kit::actor::Actor;
use serde_json::{Value, json};

use crate::world::{noise, somebody, world};

const ENTITIES: &str = "query($representations: [_Any!]!) { _entities(representations: $representations) { \
    ... on Asset { id filename contentType byteSize status owner { id } } ... on Upload { id filename } ... on Viewer { id } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_files_are_one_statement() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let mut mine = Vec::new();
    for seed in 0..3 {
        mine.push(
            world
                .upload(&me, "a", "application/octet-stream", &noise(seed, 50))
                .await["asset"]["id"]
                .clone(),
        );
    }
    let theirs = world
        .upload(&other, "b", "application/octet-stream", &noise(9, 50))
        .await["asset"]["id"]
        .clone();
    let mut representations: Vec<Value> = mine
        .iter()
        .chain([&theirs])
        .map(|id| json!({ "__typename": "Asset", "id": id }))
        .collect();
    representations.extend((4..100).map(|_| json!({ "__typename": "Asset", "id": world.test.deps.new_id::<atelier_contracts::media::Asset>() })));
    let asked = world.data(&me, ENTITIES, json!({ "representations": representations }));
    let (found, statements) = world.counted(asked).await;
    assert_eq!(statements, 1);
    let found = found["_entities"].as_array().unwrap();
    assert_eq!(found.len(), 100);
    assert_eq!(
        found[..3]
            .iter()
            .map(|asset| asset["id"].clone())
            .collect::<Vec<_>>(),
        mine
    );
    assert!(
        found[3..].iter().all(Value::is_null),
        "neither another one's file nor none is an error"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_and_viewers_are_only_for_their_owners() {
    let world = world().await;
    let (me, other) = (somebody(&world), somebody(&world));
    let upload = world
        .create(
            &me,
            json!({ "filename": "a", "contentType": "text/plain", "byteSize": 5 }),
        )
        .await["id"]
        .clone();
    let id = me.user_id().unwrap().to_string();
    let representations =
        json!([{ "__typename": "Upload", "id": upload }, { "__typename": "Viewer", "id": id }]);
    let variables = json!({ "representations": representations });
    let found = world.data(&me, ENTITIES, variables.clone()).await;
    assert_eq!(
        found["_entities"],
        json!([{ "id": upload, "filename": "a" }, { "id": id }])
    );
    for who in [&other, &Actor::anonymous()] {
        assert_eq!(
            world.data(who, ENTITIES, variables.clone()).await["_entities"],
            json!([null, null])
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_derivatives_of_a_list_are_one_statement_more() {
    let world = world().await;
    let me = somebody(&world);
    for seed in 0..3 {
        world
            .upload(&me, "a", "application/octet-stream", &noise(seed, 50))
            .await;
    }
    let query =
        "{ viewer { assets { nodes { id derivatives { name url { url } } url { url } } } } }";
    let (_, statements) = world.counted(world.data(&me, query, json!({}))).await;
    assert_eq!(statements, 2);
}
