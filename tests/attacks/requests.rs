//! Requests that are made to break whoever reads their heads.

use serde_json::{Value, json};

use crate::{
    leaks::assert_says_nothing_of_the_inside,
    target::{Target, attacks, code, in_time},
    wire::{exchange, post},
};

/// What the process may hold more at most, after one hostile request, in bytes.
pub const GROWTH: u64 = 64 << 20;
/// Harmless.
pub const QUERY: &str = r#"{"query":"{ viewer { id } }"}"#;
/// What it answers.
pub const NOBODY: &str = r#"{"data":{"viewer":null}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_refused_cheaply() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target;
            floods_of_headers,
            lines_in_headers,
            two_requests_in_one,
            paths_and_methods,
            ids_of_requests_are_bounded,
        ])
        .await;
}

async fn floods_of_headers(target: Target) {
    let before = target.memory().now;
    let many = |count: usize| {
        (0..count)
            .map(|at| format!("x-{at}: y\r\n"))
            .collect::<String>()
    };
    for (what, lines) in [
        ("5,000 headers", many(5_000)),
        (
            "a header of 1 MB",
            format!("x-long: {}\r\n", "x".repeat(1 << 20)),
        ),
        (
            "a name of 100 kB",
            format!("{}: x\r\n", "x".repeat(100_000)),
        ),
        (
            "cookies of 1 MB",
            format!("cookie: {}\r\n", "a=b; ".repeat(200_000)),
        ),
        ("5,000 cookies", "cookie: a=b\r\n".repeat(5_000)),
    ] {
        let answers = exchange(&target, &post(&lines, QUERY)).await;
        assert!(
            answers
                .statuses
                .iter()
                .all(|status| (400..500).contains(status)),
            "{what}: {answers:.500?}"
        );
    }
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let answers = exchange(&target, long.as_bytes()).await;
    assert!(
        answers
            .statuses
            .iter()
            .all(|status| (400..500).contains(status)),
        "a long path: {answers:.500?}"
    );
    for (name, value) in [
        ("accept", "a/b,".repeat(10_000)),
        ("accept-language", "a;q=0.1,".repeat(5_000)),
        ("x-forwarded-for", "1.1.1.1,".repeat(5_000)),
        ("authorization", format!("Bearer {}", "x".repeat(40_000))),
        ("last-event-id", "x".repeat(40_000)),
    ] {
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header(name, value);
        let response = in_time(
            name,
            request
                .json(&json!({ "query": "{ viewer { id } }" }))
                .send(),
        )
        .await
        .expect("an answer");
        let status = response.status().as_u16();
        assert!(
            status == 200 || (400..500).contains(&status),
            "{name}: {status}"
        );
    }
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < GROWTH, "headers cost {growth} bytes");
}

async fn lines_in_headers(target: Target) {
    for (what, lines) in [
        ("a line feed alone", "x-request-id: a\nx-evil: 1\r\n"),
        ("a carriage return alone", "x-request-id: a\rx-evil: 1\r\n"),
        ("a zero", "x-request-id: a\0b\r\n"),
        ("a folded line", "x-request-id: a\r\n b\r\n"),
        ("a space before the colon", "x-request-id : a\r\n"),
        ("no name", ": a\r\n"),
        ("no colon", "x-request-id\r\n"),
    ] {
        let answers = exchange(&target, &post(lines, QUERY)).await;
        let head = answers
            .text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(!head.contains("x-evil"), "{what}: {head}");
        let harmless = answers.statuses == [200] && answers.text.ends_with(NOBODY);
        assert!(
            harmless || answers.statuses == [400] || answers.statuses.is_empty(),
            "{what}: {answers:.500?}"
        );
    }
    // What would become a header of the answer when it is written out.
    for value in [
        "a%0d%0aset-cookie:%20evil=1",
        "\u{560a}\u{560d}set-cookie: evil=1",
        "a\\r\\nset-cookie: evil=1",
    ] {
        let answers = exchange(&target, &post(&format!("x-request-id: {value}\r\n"), QUERY)).await;
        let head = answers
            .text
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        assert!(
            !head.lines().any(|line| line.starts_with("set-cookie")),
            "{head}"
        );
    }
}

async fn two_requests_in_one(target: Target) {
    let smuggled = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let length = QUERY.len() + smuggled.len();
    for (what, request) in [
        (
            "a length and chunks",
            format!(
                "{head}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{QUERY}\r\n0\r\n\r\n{smuggled}",
                QUERY.len()
            ),
        ),
        (
            "chunks and a length",
            format!(
                "{head}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{:x}\r\n{QUERY}\r\n0\r\n\r\n{smuggled}",
                QUERY.len()
            ),
        ),
        (
            "chunks in disguise",
            format!(
                "{head}transfer-encoding: xchunked\r\ncontent-length: {length}\r\n\r\n{QUERY}{smuggled}"
            ),
        ),
        (
            "chunks twice",
            format!(
                "{head}transfer-encoding: chunked, chunked\r\n\r\n{:x}\r\n{QUERY}\r\n0\r\n\r\n",
                QUERY.len()
            ),
        ),
        (
            "chunks with a tab",
            format!(
                "{head}transfer-encoding:\tchunked\r\ncontent-length: 3\r\n\r\n{:x}\r\n{QUERY}\r\n0\r\n\r\n",
                QUERY.len()
            ),
        ),
        (
            "a length with a sign",
            format!("{head}content-length: +{}\r\n\r\n{QUERY}", QUERY.len()),
        ),
        (
            "a length in two",
            format!("{head}content-length: {0}, 5\r\n\r\n{QUERY}", QUERY.len()),
        ),
    ] {
        let answers = exchange(&target, request.as_bytes()).await;
        // As one request, or refused: what a proxy may have taken for a body never answers.
        assert!(answers.statuses.len() <= 1, "{what}: {answers:.600?}");
    }
}

async fn paths_and_methods(target: Target) {
    for method in [
        "TRACE",
        "CONNECT",
        "PATCH",
        "PROPFIND",
        "get",
        "POSTX",
        "X".repeat(10_000).as_str(),
    ] {
        let request =
            format!("{method} /graphql HTTP/1.1\r\nhost: localhost\r\ncookie: a=secret\r\n\r\n");
        let answers = exchange(&target, request.as_bytes()).await;
        assert!(
            answers
                .statuses
                .iter()
                .all(|status| (400..600).contains(status) && *status != 500),
            "{method:.20}: {answers:.500?}"
        );
        assert!(
            !answers.text.contains("secret"),
            "{method:.20} echoes: {answers:.500?}"
        );
    }
    for path in [
        "/../../etc/passwd",
        "/assets/../../../Cargo.toml",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/\\..\\..\\etc\\passwd",
        "/index.html%00.png",
        "/index.html/../../.atelier/secret",
        "http://169.254.169.254/latest/meta-data",
        "*",
        "nothing",
    ] {
        let answers = exchange(
            &target,
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes(),
        )
        .await;
        assert!(
            answers
                .statuses
                .iter()
                .all(|status| (400..500).contains(status)),
            "{path}: {answers:.500?}"
        );
        assert!(
            !answers.text.contains("root:") && !answers.text.contains("[workspace]"),
            "{path}: {answers:.500?}"
        );
        assert_says_nothing_of_the_inside(path, &answers.text.replace("/etc/passwd", ""));
    }
    for host in [
        "",
        "host: \r\n",
        "host: evil.example\r\n",
        "host: a\r\nhost: b\r\n",
        "host: localhost:99999\r\n",
        "host: [::1\r\n",
    ] {
        let request = format!(
            "POST /graphql HTTP/1.1\r\n{host}content-type: application/json\r\ncontent-length: {}\r\n\r\n{QUERY}",
            QUERY.len()
        );
        let answers = exchange(&target, request.as_bytes()).await;
        // The host decides nothing, so that no link can be made to lead elsewhere by it.
        assert!(
            !answers.text.contains("evil.example"),
            "{host}: {answers:.500?}"
        );
    }
}

async fn ids_of_requests_are_bounded(target: Target) {
    for id in [
        "x".repeat(90_000),
        "x".repeat(129),
        "a b".to_owned(),
        "<script>".to_owned() + &"x".repeat(200),
        "é".to_owned(),
    ] {
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header("x-request-id", id.as_str());
        let response = in_time(
            "an answer",
            request.json(&json!({ "query": "{ nothing }" })).send(),
        )
        .await
        .expect("an answer");
        let given = response
            .headers()
            .get("x-request-id")
            .map(|id| id.as_bytes().to_vec());
        if let Some(given) = given {
            assert!(
                given.len() <= 128 && given != id.as_bytes(),
                "{id:.80} came back"
            );
            let answer: Value = response.json().await.expect("JSON");
            let told = answer
                .pointer("/errors/0/extensions/requestId")
                .and_then(Value::as_str);
            assert_eq!(
                told.map(str::as_bytes),
                Some(given.as_slice()),
                "{answer:.300}"
            );
            assert_eq!(
                code(&answer),
                Some("GRAPHQL_VALIDATION_FAILED"),
                "{answer:.300}"
            );
        }
    }
}
