//! Requests that must be refused, cheaply and with a clear error.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Atelier, Place};

fn code(answer: &Value) -> &str {
    answer
        .pointer("/errors/0/extensions/code")
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no code: {answer:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_credentials_and_hostile_documents_are_refused() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    let client = &atelier.client;
    let ada = client.registered("ada").await;
    let token = ada.token.clone().unwrap();

    // Forged, cut and borrowed tokens.
    let mut parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "an access token is a JWT");
    let none = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let last = parts.pop().unwrap();
    let flipped = format!(
        "{}.{}",
        parts.join("."),
        last.chars().rev().collect::<String>()
    );
    for forged in [
        none.as_str(),
        &flipped,
        &token[..token.len() - 2],
        "nonsense",
    ] {
        let answer = client
            .with_token(forged)
            .send("{ viewer { id } }", json!({}))
            .await
            .unwrap();
        assert_eq!(code(&answer), "UNAUTHENTICATED", "{forged}");
    }

    // Nobody is nobody, and not an error, whatever is asked of them and in which subgraph.
    for fields in [
        "id",
        "email quotas { used } uploads { totalCount } tasks { nodes { id } }",
    ] {
        let answer = client
            .send(&format!("{{ viewer {{ {fields} }} }}"), json!({}))
            .await
            .unwrap();
        assert_eq!(answer, json!({ "data": { "viewer": null } }), "{fields}");
    }

    // 10,000 levels deep, and wide, and long: refused before any work is done with them.
    let deep = format!(
        "{{ viewer {} }}",
        "{ user ".repeat(10_000) + &"} ".repeat(10_000)
    );
    let wide = format!(
        "{{ {} }}",
        (0..5_000)
            .map(|at| format!("a{at}: viewer {{ id }} "))
            .collect::<String>()
    );
    for document in [deep, wide] {
        let answer = tokio::time::timeout(Duration::from_secs(10), ada.send(&document, json!({})))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.get("errors").is_some(), "{answer}");
    }

    // A body of 8 MiB.
    let body = json!({ "query": "{ viewer { id } }", "variables": { "x": "x".repeat(8 << 20) } })
        .to_string();
    let response = client
        .http
        .post(format!("{}/graphql", client.base))
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await;
    // A server may answer or close while the client still sends.
    if let Ok(response) = response {
        assert_eq!(response.status().as_u16(), 413);
    }

    // A cursor of another list, and one that was tampered with.
    let uploads =
        "query($after: Cursor) { viewer { uploads(first: 1, after: $after) { nodes { id } } } }";
    for cursor in ["bm9wZQ", "AAAAAAAAAAAiYSI"] {
        let answer = ada.send(uploads, json!({ "after": cursor })).await.unwrap();
        assert_eq!(code(&answer), "BAD_USER_INPUT");
    }

    // Chinese, for those who ask for it.
    let answer: Value = client
        .http
        .post(format!("{}/graphql", client.base))
        .bearer_auth("nonsense")
        .header("accept-language", "zh-CN")
        .json(&json!({ "query": "{ viewer { id } }" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        answer.pointer("/errors/0/message"),
        Some(&json!("请先登录。"))
    );

    // After all that it serves as before.
    assert!(ada.run("{ viewer { id } }", json!({})).await["viewer"]["id"].is_string());
    atelier.process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_do_not_multiply_what_uses_a_password() {
    let place = Place::new().await;
    let mut atelier = Atelier::up(&place).await;
    let fields: String = (0..20)
        .map(|at| {
            format!(
                "r{at}: authRegister(input: {{ username: \"user{at}\", email: \"user{at}@example.org\", \
                 password: \"correct horse battery\" }}) {{ tokens {{ sessionId }} userErrors {{ code }} }} "
            )
        })
        .collect();
    let answer = atelier
        .client
        .run(&format!("mutation {{ {fields} }}"), json!({}))
        .await;
    assert!(answer["r0"]["tokens"].is_object(), "{answer:#}");
    for at in 1..20 {
        let field = &answer[format!("r{at}")];
        assert_eq!(field["userErrors"][0]["code"], "ONE_PER_REQUEST");
    }
    // The next request is another one.
    atelier.client.registered("user1").await;
    atelier.process.stop().await;
}
