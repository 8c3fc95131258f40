//! Documents that are made to cost: refused before they do.

use serde_json::{Value, json};

use crate::{
    leaks::assert_says_nothing_of_the_inside,
    target::{Target, attacks, code, in_time},
};

/// What the process may hold more at most, after one hostile document, in bytes.
const GROWTH: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_documents_are_refused_cheaply() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target;
            depth_and_nesting,
            breadth_aliases_and_root_fields,
            directives,
            fragments,
            overlapping_fields,
            introspection_that_multiplies,
        ])
        .await;
}

/// Sends hostile documents; each must be refused with one of `codes`, with a bounded cost.
pub async fn assert_refused(target: &Target, documents: Vec<(&str, String)>, codes: &[&str]) {
    let person = target.client.clone();
    for (what, document) in documents {
        let before = target.memory().now;
        let answer = in_time(what, person.send(&document, json!({})))
            .await
            .expect("an answer");
        let told = code(&answer);
        assert!(
            told.is_some_and(|code| codes.contains(&code)),
            "{what}: {answer:.600}"
        );
        assert!(
            answer.get("data").is_none_or(Value::is_null),
            "{what} gave data: {answer:.600}"
        );
        assert!(
            answer.to_string().len() < 20_000,
            "{what}: an answer of {} bytes",
            answer.to_string().len()
        );
        assert_says_nothing_of_the_inside(what, &answer.to_string());
        let growth = target.memory().now.saturating_sub(before);
        assert!(growth < GROWTH, "{what} cost {growth} bytes");
    }
}

const LARGE: &[&str] = &["OPERATION_TOO_LARGE"];
pub const WRONG: &[&str] = &[
    "GRAPHQL_PARSE_FAILED",
    "GRAPHQL_VALIDATION_FAILED",
    "OPERATION_TOO_LARGE",
    "BAD_USER_INPUT",
];

async fn depth_and_nesting(target: Target) {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    let deep = |depth| {
        format!(
            "{{ node(id: \"x\") {{ ... on Task {{ {} id {} }} }} }}",
            "parent { ".repeat(depth),
            "} ".repeat(depth)
        )
    };
    let list = |depth| format!("{{ user(id: {}) {{ id }} }}", nested("[", "]", depth));
    let object = |depth| {
        format!(
            "{{ user(id: {}1{}) {{ id }} }}",
            "{a:".repeat(depth),
            "}".repeat(depth)
        )
    };
    let kind = |depth| {
        format!(
            "query($a: {}) {{ viewer {{ id }} }}",
            nested("[", "]", depth)
        )
    };
    let documents = vec![
        ("35 levels of fields", deep(35)),
        ("10,000 levels of fields", deep(10_000)),
        ("30,000 braces", nested("{", "}", 30_000)),
        ("30,000 braces that stay open", "{".repeat(30_000)),
        ("40,000 closing braces", "}".repeat(40_000)),
        ("10,000 lists", list(10_000)),
        ("10,000 objects", object(10_000)),
        ("10,000 list types", kind(10_000)),
        (
            "10,000 fragments in each other",
            format!(
                "{{ {} id {} }}",
                "... { ".repeat(10_000),
                "}".repeat(10_000)
            ),
        ),
    ];
    assert_refused(&target, documents, WRONG).await;
}

async fn breadth_aliases_and_root_fields(target: Target) {
    let many = |count: usize, field: &dyn Fn(usize) -> String| {
        format!(
            "{{ {} }}",
            (0..count).map(field).collect::<Vec<_>>().join(" ")
        )
    };
    let documents = vec![
        (
            "51 root fields",
            many(51, &|at| format!("a{at}: viewer {{ id }}")),
        ),
        (
            "2,000 aliases of the root",
            many(2_000, &|at| format!("a{at}: viewer {{ id }}")),
        ),
        (
            "201 aliases",
            format!("{{ viewer {} }}", many(201, &|at| format!("a{at}: id"))),
        ),
        (
            "7,000 fields",
            format!("{{ viewer {} }}", many(7_000, &|_| "id".to_owned())),
        ),
        (
            "100 kB of one field",
            format!("{{ viewer {{ {} }} }}", "id ".repeat(35_000)),
        ),
        (
            "100 logins in one request",
            format!(
                "mutation {}",
                many(100, &|at| format!(
                    "a{at}: authLogin(input: {{ login: \"ada\", password: \"{at}\" }}) {{ userErrors {{ code }} }}"
                ))
            ),
        ),
    ];
    assert_refused(&target, documents, LARGE).await;
}

async fn directives(target: Target) {
    let documents = vec![
        (
            "7,000 unknown directives",
            format!("{{ viewer {{ id {} }} }}", "@a ".repeat(3_900)),
        ),
        (
            "7,000 repeated directives",
            format!(
                "{{ viewer {{ id {} }} }}",
                "@skip(if: false) ".repeat(1_100)
            ),
        ),
        (
            "directives on everything",
            format!(
                "query {0} {{ viewer {0} {{ id {0} }} }}",
                "@include(if: true) ".repeat(300)
            ),
        ),
        (
            "deferred fragments",
            format!("{{ viewer {{ {} }} }}", "... @defer { id } ".repeat(101)),
        ),
        (
            "directives of subgraphs",
            "{ viewer @inaccessible { id @requiresScopes(scopes: []) } }".to_owned(),
        ),
    ];
    assert_refused(&target, documents, WRONG).await;
}

async fn fragments(target: Target) {
    let cycle = |length: usize| {
        let fragment = |at: usize| {
            format!(
                "fragment F{at} on Viewer {{ id ...F{} }}",
                (at + 1) % length
            )
        };
        format!(
            "{{ viewer {{ ...F0 }} }} {}",
            (0..length).map(fragment).collect::<Vec<_>>().join(" ")
        )
    };
    // Each spreads the next twice: 2^40 fields when expanded.
    let doubling = (0..40)
        .map(|at| format!("fragment F{at} on Viewer {{ ...F{0} ...F{0} }}", at + 1))
        .collect::<Vec<_>>();
    let doubling = format!(
        "{{ viewer {{ ...F0 }} }} {} fragment F40 on Viewer {{ id }}",
        doubling.join(" ")
    );
    let wide = format!(
        "{{ viewer {{ {} }} }} fragment F on Viewer {{ {} }}",
        "...F ".repeat(1_000),
        "id ".repeat(1_000)
    );
    let documents = vec![
        (
            "a fragment in itself",
            "{ viewer { ...F } } fragment F on Viewer { ...F }".to_owned(),
        ),
        ("a cycle of 2", cycle(2)),
        ("a cycle of 500", cycle(500)),
        ("a billion laughs", doubling),
        ("a thousand times a thousand", wide),
        (
            "unused fragments",
            format!(
                "{{ viewer {{ id }} }} {}",
                (0..800)
                    .map(|at| format!("fragment F{at} on Viewer {{ id }}"))
                    .collect::<Vec<_>>()
                    .join(" ")
            ),
        ),
        (
            "fragments of one name",
            format!(
                "{{ viewer {{ ...F }} }} {}",
                "fragment F on Viewer { id } ".repeat(500)
            ),
        ),
    ];
    assert_refused(&target, documents, WRONG).await;
}

async fn overlapping_fields(target: Target) {
    // 24 kB of fields that must all be compared, and that do not agree in the end.
    let same = format!("{{ {} }}", "viewer { id } ".repeat(1_300));
    let differ = format!(
        "{{ {} viewer {{ id: email }} }}",
        "viewer { id } ".repeat(700)
    );
    let nested = format!(
        "{{ {} }}",
        "viewer { user { username } } ".repeat(600) + "viewer { user { username: id } }"
    );
    assert_refused(
        &target,
        vec![("that differ", differ), ("that differ further in", nested)],
        WRONG,
    )
    .await;
    let answer = in_time("fields that agree", target.client.send(&same, json!({})))
        .await
        .expect("an answer");
    assert!(
        code(&answer) == Some("OPERATION_TOO_LARGE")
            || answer == json!({ "data": { "viewer": null } }),
        "{answer:.300}"
    );
}

async fn introspection_that_multiplies(target: Target) {
    let nested = |depth: usize| {
        format!(
            "{{ __schema {{ types {{ {} name {} }} }} }}",
            "fields { type { ".repeat(depth),
            "} } ".repeat(depth)
        )
    };
    let documents = vec![
        ("fields of types of fields", nested(4)),
        ("fields of types of fields, often", nested(12)),
        (
            "possible types of possible types",
            format!(
                "{{ __type(name: \"Node\") {{ {} name {} }} }}",
                "possibleTypes { interfaces { ".repeat(6),
                "} } ".repeat(6)
            ),
        ),
    ];
    assert_refused(&target, documents, WRONG).await;
}
