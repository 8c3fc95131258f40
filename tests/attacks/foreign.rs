//! Hands on what is another's: by every id and every cursor that the schema takes.

use serde_json::{Value, json};

use crate::{
    schema::{Leaf, Schema},
    socket::{Heard, Socket},
    target::{Target, address_of, attacks, code},
    uploads::{picture, upload},
    victim::{SECRET, Victim},
};

/// Where a user's id is meant to be taken by everybody: profiles are public.
const PUBLIC: &[&str] = &["Query.user(id)", "Query.node(id)", "Query.nodes(ids)"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_anothers_is_neither_read_nor_changed() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target;
            foreign_ids_give_and_change_nothing,
            foreign_subscriptions_hear_nothing,
            every_type_of_object_is_among_the_victims,
            cursors_that_were_tampered_with_open_nothing,
            cursors_of_others_show_only_the_callers_own,
        ])
        .await;
}

/// Places that take ids, whatever the schema calls them.
fn id_leaves(schema: &Schema) -> Vec<Leaf> {
    let is_id = |leaf: &Leaf| {
        let name = leaf.path.last().map(String::as_str).unwrap_or_default();
        // A label that clients put on their requests; what it is given to ends the caller's session.
        if name == "clientMutationId" {
            return false;
        }
        leaf.type_name == "ID" || (leaf.type_name == "String" && name.ends_with("Id"))
    };
    schema.leaves().into_iter().filter(is_id).collect()
}

/// An id as a leaf takes it.
fn given(leaf: &Leaf, id: &str) -> Value {
    if leaf.list { json!([id]) } else { json!(id) }
}

/// Fails if an answer holds something of the victim's beside the id that was sent.
fn assert_tells_nothing(what: &str, answer: &Value, victim: &Victim, sent: &str) {
    let text = answer.to_string();
    let mail = address_of(&victim.person.name);
    let ids = victim
        .ids
        .iter()
        .filter(|(_, id)| *id != sent)
        .map(|(_, id)| id.as_str());
    for secret in ids.chain([SECRET, mail.as_str()]) {
        assert!(
            !text.contains(secret),
            "{what} {sent} told {secret}: {answer:#}"
        );
    }
}

/// Whether an answer gives nothing: null, lists of nothing, or a refusal.
fn gives_nothing(answer: &Value, field: &str) -> bool {
    let value = answer
        .pointer(&format!("/data/{field}"))
        .unwrap_or(&Value::Null);
    code(answer).is_some()
        || value.is_null()
        || value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_null))
}

async fn foreign_ids_give_and_change_nothing(target: Target) {
    let schema = Schema::read("api");
    let leaves = id_leaves(&schema);
    assert!(
        leaves.len() >= 25,
        "places that take ids are not found any more: {leaves:?}"
    );
    let victim = Victim::new(&target, "valerie").await;
    let attacker = target.person("mallory").await;
    let before = victim.everything().await;
    let mut tried = 0;
    for leaf in leaves.iter().filter(|leaf| leaf.root != "Subscription") {
        for (prefix, id) in &victim.ids {
            let operation = schema.operation(leaf, &given(leaf, id), 2);
            let what = leaf.to_string();
            for client in [&attacker.client, &target.client] {
                let answer = client
                    .send(&operation.query, operation.variables.clone())
                    .await
                    .expect("an answer");
                let public = *prefix == "usr" && PUBLIC.contains(&what.as_str());
                assert!(
                    public || gives_nothing(&answer, &leaf.field),
                    "{what} with {id} gave something: {answer:#}"
                );
                assert_ne!(
                    code(&answer),
                    Some("INTERNAL"),
                    "{what} with {id}: {answer:#}"
                );
                assert_ne!(
                    code(&answer),
                    Some("GRAPHQL_VALIDATION_FAILED"),
                    "{}: {answer:#}",
                    operation.query
                );
                assert_tells_nothing(&what, &answer, &victim, id);
                tried += 1;
            }
        }
    }
    let own = attacker.client.run("{ viewer { id } }", json!({})).await;
    assert_eq!(
        own["viewer"]["id"],
        json!(attacker.id),
        "the attacker was signed out meanwhile"
    );
    println!("{tried} foreign ids in {} places", leaves.len());
    assert_eq!(
        victim.everything().await,
        before,
        "something of the victim's has changed"
    );
}

async fn foreign_subscriptions_hear_nothing(target: Target) {
    let schema = Schema::read("api");
    let victim = Victim::new(&target, "victoria").await;
    let attacker = target.person("eve").await;
    let mut ears = Vec::new();
    for token in [attacker.client.token.as_deref(), None] {
        let mut socket = Socket::of(&target, token).await;
        let leaves = id_leaves(&schema)
            .into_iter()
            .filter(|leaf| leaf.root == "Subscription");
        for leaf in leaves {
            for id in victim.ids.values() {
                let operation = schema.operation(&leaf, &given(&leaf, id), 2);
                socket.subscribe(&format!("{leaf} {id}"), &operation).await;
            }
        }
        for field in schema.fields("Subscription") {
            if field.arguments.iter().all(|argument| argument.name != "id") {
                let operation = schema.harmless("Subscription", &field.name, 2);
                socket.subscribe(&field.name, &operation).await;
            }
        }
        // All of them have begun once what was asked last is answered.
        socket.ask("begun", "{ viewer { id } }", json!({})).await;
        ears.push(socket);
    }
    let mut own = Socket::of(&target, victim.person.client.token.as_deref()).await;
    own.subscribe("own", &schema.harmless("Subscription", "assetEvents", 2))
        .await;
    own.ask("begun", "{ viewer { id } }", json!({})).await;

    let renamed = json!({ "input": { "id": victim.ids["ast"], "filename": format!("{SECRET}-renamed.png") } });
    let query =
        "mutation($input: AssetUpdateInput!) { assetUpdate(input: $input) { asset { id } } }";
    victim.person.client.run(query, renamed).await;
    upload(
        &victim.person.client,
        &format!("{SECRET}-3.png"),
        picture(9),
    )
    .await
    .expect("an upload");
    let abort = json!({ "input": { "uploadId": victim.ids["upl"] } });
    let query =
        "mutation($input: UploadAbortInput!) { uploadAbort(input: $input) { upload { id } } }";
    victim.person.client.run(query, abort).await;
    // The victim hears of the new file, so whoever else was to hear of it has.
    loop {
        let Heard::Message(event) = own.answer("own").await else {
            panic!("the victim's own subscription ended: {:#?}", own.heard)
        };
        if event.to_string().contains("AssetCreated") {
            break;
        }
    }
    for socket in &mut ears {
        let answered = socket.ask("done", "{ viewer { id } }", json!({})).await;
        assert!(matches!(answered, Heard::Message(_)), "{answered:?}");
        for heard in &socket.heard {
            let sent = heard["id"]
                .as_str()
                .and_then(|id| id.split(' ').next_back())
                .unwrap_or_default();
            assert_tells_nothing("a subscription with", &heard["payload"], &victim, sent);
        }
    }
}

async fn every_type_of_object_is_among_the_victims(target: Target) {
    let schema = Schema::read("api");
    let victim = Victim::new(&target, "vera").await;
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }";
    let ids: Vec<&String> = victim.ids.values().collect();
    let answer = victim
        .person
        .client
        .send(query, json!({ "ids": ids }))
        .await
        .expect("an answer");
    let found: Vec<&str> = answer["data"]["nodes"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:#}"))
        .iter()
        .filter_map(|node| node["__typename"].as_str())
        .collect();
    for member in schema.members("Node") {
        assert!(
            found.contains(&member),
            "give the victim a {member}: it is attacked nowhere"
        );
    }
}

/// Lists of the caller's own, with what each gives.
const LISTS: &[&str] = &["uploads", "assets", "tasks", "sessions", "accessTokens"];

fn page(list: &str) -> String {
    format!(
        "query($after: Cursor) {{ viewer {{ {list}(first: 1, after: $after) {{ nodes {{ id }} pageInfo {{ endCursor }} }} }} }}"
    )
}

async fn cursor(victim: &Victim, list: &str) -> String {
    let page = victim.person.client.run(&page(list), json!({})).await;
    let cursor = page["viewer"][list]["pageInfo"]["endCursor"].as_str();
    cursor
        .unwrap_or_else(|| panic!("{list} is empty: {page:#}"))
        .to_owned()
}

async fn cursors_that_were_tampered_with_open_nothing(target: Target) {
    let victim = Victim::new(&target, "viola").await;
    for (at, list) in LISTS.iter().enumerate() {
        let right = cursor(&victim, list).await;
        let other = cursor(&victim, LISTS[(at + 1) % LISTS.len()]).await;
        let mut tampered = vec![
            other,
            String::new(),
            "=".to_owned(),
            "bm9wZQ".to_owned(),
            "' OR 1=1 --".to_owned(),
            "A".repeat(100_000),
            "\u{202e}\u{0}".to_owned(),
            right[..right.len() - 2].to_owned(),
            format!("{right}AA"),
            format!("{right}="),
            right.to_lowercase(),
        ];
        for at in [0, 5, 11, right.len() / 2, right.len() - 2] {
            let mut letters: Vec<char> = right.chars().collect();
            letters[at] = if letters[at] == 'A' { 'B' } else { 'A' };
            tampered.push(letters.into_iter().collect());
        }
        for cursor in tampered.iter().filter(|cursor| **cursor != right) {
            let answer = victim
                .person
                .client
                .send(&page(list), json!({ "after": cursor }))
                .await
                .expect("an answer");
            assert_eq!(
                code(&answer),
                Some("BAD_USER_INPUT"),
                "{list} after {cursor:.80}: {answer:#}"
            );
        }
    }
}

async fn cursors_of_others_show_only_the_callers_own(target: Target) {
    let victim = Victim::new(&target, "vivian").await;
    let attacker = target.person("oscar").await;
    for list in LISTS {
        let cursor = cursor(&victim, list).await;
        let answer = attacker
            .client
            .send(&page(list), json!({ "after": cursor }))
            .await
            .expect("an answer");
        assert_tells_nothing(list, &answer, &victim, "");
    }
    let admin_only = ["users", "auditEvents", "tasks", "workers"];
    for list in admin_only {
        let answer = attacker
            .client
            .send(
                &format!("{{ {list}(first: 1) {{ nodes {{ __typename }} }} }}"),
                json!({}),
            )
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(code(&answer), Some("FORBIDDEN"), "{list}: {answer:#}");
    }
}
