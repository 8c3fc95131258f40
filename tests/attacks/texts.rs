//! Documents that are wrong in their letters, values and operations.

use serde_json::{Value, json};

use crate::{
    documents::{WRONG, assert_refused},
    target::{Person, Target, attacks, code, in_time},
};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_documents_are_refused_cheaply() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target;
            variables_and_literals,
            letters_that_deceive,
            operations_that_are_not_what_they_seem,
        ])
        .await;
}

async fn variables_and_literals(target: Target) {
    let declared = |count: usize| {
        (0..count)
            .map(|at| format!("$v{at}: ID"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let digits = "9".repeat(90_000);
    let documents = vec![
        ("2,500 variables", format!("query({}) {{ viewer {{ id }} }}", declared(2_500))),
        ("one variable twice", "query($a: ID, $a: ID) { user(id: $a) { id } }".to_owned()),
        ("one argument twice", "{ user(id: \"a\", id: \"b\") { id } }".to_owned()),
        ("one input field twice", "mutation { authLogin(input: { login: \"a\", login: \"b\", password: \"c\" }) { userErrors { code } } }".to_owned()),
        ("a number of 90,000 digits", format!("{{ viewer {{ uploads(first: {digits}) {{ nodes {{ id }} }} }} }}")),
        ("a fraction of 90,000 digits", format!("{{ viewer {{ uploads(first: 0.{digits}) {{ nodes {{ id }} }} }} }}")),
        ("an exponent of 90,000 digits", format!("{{ viewer {{ uploads(first: 1e{digits}) {{ nodes {{ id }} }} }} }}")),
        ("a list of 7,000", format!("{{ nodes(ids: [{}]) {{ id }} }}", "\"a\" ".repeat(7_990))),
        ("a text that does not end", format!("{{ user(id: \"{}", "x".repeat(90_000))),
        ("a block of text that does not end", format!("{{ user(id: \"\"\"{}", "\\\"\"\"".repeat(20_000))),
        ("110 kB", format!("{{ user(id: \"{}\") {{ id }} }}", "x".repeat(110_000))),
    ];
    assert_refused(&target, documents, WRONG).await;
    // More variables than anybody declared, and of any size, are only data.
    let many: serde_json::Map<String, Value> = (0..20_000)
        .map(|at| (format!("v{at}"), json!(at)))
        .collect();
    let answer = in_time(
        "20,000 variables",
        target.client.send("{ viewer { id } }", Value::Object(many)),
    )
    .await
    .expect("an answer");
    assert!(
        answer == json!({ "data": { "viewer": null } }) || code(&answer).is_some(),
        "{answer:.300}"
    );
    let ids: Vec<String> = (0..30_000).map(|at| format!("ast_{at:026}")).collect();
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let person = target.person("dora").await;
    let answer = in_time(
        "30,000 ids",
        person.client.send(query, json!({ "ids": ids })),
    )
    .await
    .expect("an answer");
    assert_eq!(code(&answer), Some("BAD_USER_INPUT"), "{answer:.300}");
}

async fn letters_that_deceive(target: Target) {
    let documents = vec![
        (
            "a name in other letters",
            "{ v\u{456}ewer { id } }".to_owned(),
        ),
        (
            "full-width braces",
            "\u{ff5b} viewer \u{ff5b} id \u{ff5d} \u{ff5d}".to_owned(),
        ),
        (
            "a name turned round",
            "{ \u{202e}viewer { id } }".to_owned(),
        ),
        (
            "a character of no width",
            "{ vie\u{200b}wer { id } }".to_owned(),
        ),
        ("a control character", "{ viewer { id\u{0} } }".to_owned()),
        (
            "half a surrogate pair",
            "{ user(id: \"\\uD800\") { id } }".to_owned(),
        ),
        (
            "a code point above all",
            "{ user(id: \"\\u{110000}\") { id } }".to_owned(),
        ),
        (
            "an unknown escape",
            "{ user(id: \"\\x41\") { id } }".to_owned(),
        ),
        (
            "an alias that is reserved",
            "{ viewer { __typename: id } }".to_owned(),
        ),
        (
            "a name that is reserved",
            "{ __proto__ { constructor } }".to_owned(),
        ),
        (
            "introspection below the root",
            "{ viewer { __schema { queryType { name } } } }".to_owned(),
        ),
        (
            "introspection in a mutation",
            "mutation { __type(name: \"Query\") { name } }".to_owned(),
        ),
        (
            "a comment that does not end",
            format!("{{ viewer {{ id # {}", "x".repeat(50_000)),
        ),
    ];
    assert_refused(&target, documents, WRONG).await;
}

async fn operations_that_are_not_what_they_seem(target: Target) {
    let documents = vec![
        (
            "two operations and no name",
            "query A { viewer { id } } mutation B { authLogout(input: {}) { sessionId } }"
                .to_owned(),
        ),
        (
            "two operations of one name",
            "query A { viewer { id } } query A { viewer { email } }".to_owned(),
        ),
        (
            "a schema",
            "type Query { a: Int } { viewer { id } }".to_owned(),
        ),
        ("an extension", "extend type Query { a: Int }".to_owned()),
        (
            "entities of subgraphs",
            "{ _entities(representations: [{ __typename: \"User\", id: \"x\" }]) { __typename } }"
                .to_owned(),
        ),
        ("a subgraph's schema", "{ _service { sdl } }".to_owned()),
        ("nothing", String::new()),
    ];
    let codes = &[
        "GRAPHQL_PARSE_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_REQUEST",
        "BAD_USER_INPUT",
    ];
    assert_refused(&target, documents, codes).await;
    let person: Person = target.person("doris").await;
    let url = format!(
        "{}/graphql?query=%7B%20viewer%20%7B%20id%20%7D%20%7D",
        target.client.base
    );
    let token = person.client.token.as_deref().expect("signed in");
    // What stands in the URL of a POST says nothing; what is chosen by GET must not change anything.
    let both =
        "query%20A%7Bviewer%7Bid%7D%7Dmutation%20B%7BauthLogout(input:%7B%7D)%7BsessionId%7D%7D";
    let by_get = format!(
        "{}/graphql?operationName=B&query={both}",
        target.client.base
    );
    let by_get = target
        .client
        .http
        .get(by_get)
        .bearer_auth(token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(by_get.status().as_u16(), 405);
    let empty = target
        .client
        .http
        .post(url)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .expect("an answer");
    assert_eq!(empty.status().as_u16(), 400);
    assert!(person.client.run("{ viewer { id } }", json!({})).await["viewer"]["id"].is_string());
}
