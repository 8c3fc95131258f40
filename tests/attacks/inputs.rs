//! Hostile values in every place that takes input, by its type: none may break anything inside.

use std::collections::BTreeMap;

use futures::StreamExt;
use serde_json::{Value, json};

use crate::{
    leaks::assert_says_nothing_of_the_inside,
    schema::{Leaf, Schema},
    target::{Target, attacks, code},
};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_values_break_nothing() {
    let target = Target::up().await;
    target
        .side_by_side(attacks![target; every_input_takes_hostile_values_or_refuses_them])
        .await;
}

/// Values under way at the same time.
const AT_ONCE: usize = 8;

/// What is tried where a type is taken.
fn hostile(type_name: &str) -> Vec<Value> {
    let deep = |depth: usize| -> Value {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        serde_json::from_str(&text).expect("JSON")
    };
    let mut values = match type_name {
        "Int" | "Long" => vec![
            json!(i32::MAX),
            json!(i32::MIN),
            json!(-1),
            json!(0),
            json!(9_007_199_254_740_992_i64),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e308),
            json!("1"),
        ],
        "Float" => vec![
            json!(1e308),
            json!(-1e308),
            json!(5e-324),
            json!(-0.0),
            json!(i64::MIN),
            json!("NaN"),
        ],
        "DateTime" => vec![
            json!("0000-01-01T00:00:00Z"),
            json!("-262143-01-01T00:00:00Z"),
            json!("+262142-12-31T23:59:59Z"),
            json!("9999-12-31T23:59:60Z"),
            json!("294277-01-01T00:00:00Z"),
            json!("2026-02-30T00:00:00Z"),
            json!("infinity"),
            json!("now"),
            json!(1e18),
        ],
        "Boolean" => vec![json!("true"), json!(1)],
        "JSON" => vec![
            deep(60),
            json!({ "a\u{0}b": "\u{0}" }),
            json!({ "__proto__": { "admin": true } }),
            json!(1e308),
            json!("x".repeat(300_000)),
            json!((0..20_000).collect::<Vec<_>>()),
            Value::Null,
        ],
        // Texts, ids and enums.
        _ => vec![
            json!(""),
            json!(" "),
            json!("\u{0}"),
            json!("a\u{0}b"),
            json!("\u{feff}\u{202e}\u{2066}evil\u{200b}"),
            json!("\u{fdfa}".repeat(10_000)),
            json!("e".to_owned() + &"\u{301}".repeat(10_000)),
            json!("' OR '1'='1'; DROP TABLE accounts.account; --"),
            json!("\\'; SELECT pg_sleep(30); --"),
            json!("%_%_%_%_%_%_%_%"),
            json!("${jndi:ldap://127.0.0.1/a} {{7*7}} <script>alert(1)</script>"),
            json!("../../../../etc/passwd"),
            json!("a\r\nSet-Cookie: evil=1\r\n\r\n"),
            json!("x".repeat(200_000)),
            json!("usr_7zzzzzzzzzzzzzzzzzzzzzzzzz"),
            json!("usr_00000000000000000000000000"),
            json!("usr_zzzzzzzzzzzzzzzzzzzzzzzzzz"),
            json!(42),
        ],
    };
    values.extend([json!({}), json!([[]]), json!({ "__typename": "Admin" })]);
    values
}

/// As a leaf takes it: lists also get many.
fn given(leaf: &Leaf) -> Vec<Value> {
    let values = hostile(&leaf.type_name);
    if !leaf.list {
        return values;
    }
    let many = json!(vec![values[0].clone(); 5_000]);
    values
        .into_iter()
        .map(|value| json!([value]))
        .chain([json!([]), many])
        .collect()
}

/// Answers that say that something broke, and not that the value is refused.
const BROKE: &[&str] = &[
    "INTERNAL",
    "SUBGRAPH_UNAVAILABLE",
    "SUBGRAPH_INVALID_RESPONSE",
    "SUBGRAPH_TIMEOUT",
    "REQUEST_TIMEOUT",
    "UNAVAILABLE",
];

async fn every_input_takes_hostile_values_or_refuses_them(target: Target) {
    let schema = Schema::read("api");
    // Who may do everything gets furthest.
    let admin = target.admin().await;
    let mut calls = Vec::new();
    // What ends the session that attacks has no other input than a label.
    let leaves = schema.leaves().into_iter();
    for leaf in leaves.filter(|leaf| leaf.field != "authLogout" && leaf.root != "Subscription") {
        calls.extend(given(&leaf).into_iter().map(|value| (leaf.clone(), value)));
    }
    let tried = calls.len();
    let (schema, client) = (&schema, &admin.client);
    let answered = futures::stream::iter(calls).map(|(leaf, value)| async move {
        let operation = schema.operation(&leaf, &value, 1);
        let answer = client
            .send(&operation.query, operation.variables)
            .await
            .expect("an answer");
        assert_says_nothing_of_the_inside(&leaf.to_string(), &answer.to_string());
        let broke = code(&answer).is_some_and(|code| BROKE.contains(&code));
        let shown: String = value.to_string().chars().take(60).collect();
        broke.then(|| (format!("{leaf} with {shown}"), answer["errors"][0].clone()))
    });
    let broken: BTreeMap<String, Value> = answered
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    println!("{tried} hostile values");
    let after = admin
        .client
        .send("{ viewer { id } }", json!({}))
        .await
        .expect("an answer");
    assert_eq!(after["data"]["viewer"]["id"], json!(admin.id), "{after:#}");
    assert!(
        broken.is_empty(),
        "these broke something inside: {broken:#?}"
    );
}
