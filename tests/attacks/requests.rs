//! Bodies and headers that are made to break whoever reads them.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    leaks::assert_says_nothing_of_the_inside,
    target::{Target, attacks, code, in_time},
    wire::{exchange, post},
};

/// What the process may hold more at most, after one hostile request, in bytes.
const GROWTH: u64 = 64 << 20;
/// Harmless.
const QUERY: &str = r#"{"query":"{ viewer { id } }"}"#;
/// What it answers.
const NOBODY: &str = r#"{"data":{"viewer":null}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn hostile_requests_are_refused_cheaply() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target;
            bodies_that_are_not_what_they_say,
            bombs_of_json,
            bombs_of_compression,
            bodies_without_end,
            floods_of_headers,
            lines_in_headers,
            two_requests_in_one,
            paths_and_methods,
            ids_of_requests_are_bounded,
        ])
        .await;
}

async fn sent(target: &Target, content_type: &str, body: Vec<u8>) -> (u16, Value) {
    let request = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base))
        .header("content-type", content_type);
    let response = in_time("an answer", request.body(body).send())
        .await
        .expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("text");
    assert_says_nothing_of_the_inside(content_type, &text);
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn bodies_that_are_not_what_they_say(target: Target) {
    let harmless = exchange(&target, &post("", QUERY)).await;
    assert_eq!(
        harmless.statuses,
        [200],
        "by hand it works, too: {harmless:?}"
    );
    assert!(harmless.text.ends_with(NOBODY), "{harmless:?}");
    for content_type in [
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "application/graphql",
        "",
        "*/*",
        "application/json, text/plain",
    ] {
        let (status, answer) = sent(&target, content_type, QUERY.as_bytes().to_vec()).await;
        assert!(
            [400, 415].contains(&status),
            "{content_type}: {status} {answer}"
        );
    }
    let utf16: Vec<u8> = QUERY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let bad_utf8 = [
        b"{\"query\":\"{ viewer { id } } # ".as_slice(),
        &[0xff, 0xfe, 0xc0, 0x80],
        b"\"}",
    ]
    .concat();
    for (what, body) in [
        ("UTF-16", utf16),
        ("no UTF-8", bad_utf8),
        ("nothing", Vec::new()),
        ("zeros", vec![0; 1000]),
        ("a list", format!("[{QUERY},{QUERY}]").into_bytes()),
        ("two", format!("{QUERY}{QUERY}").into_bytes()),
    ] {
        let (status, answer) = sent(&target, "application/json", body).await;
        assert_eq!(status, 400, "{what}: {answer}");
    }
}

async fn bombs_of_json(target: Target) {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    let variables =
        |value: &str| format!(r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"x":{value}}}}}"#);
    let bodies = [
        ("100,000 lists", variables(&nested("[", "]", 100_000))),
        (
            "400,000 lists that stay open",
            variables(&"[".repeat(400_000)),
        ),
        (
            "100,000 objects",
            variables(&format!(
                "{}1{}",
                "{\"a\":".repeat(100_000),
                "}".repeat(100_000)
            )),
        ),
        (
            "lists as extensions",
            format!(
                r#"{{"query":"{{ viewer {{ id }} }}","extensions":{{"a":{}}}}}"#,
                nested("[", "]", 1_000)
            ),
        ),
        (
            "lists for a query",
            format!(r#"{{"query":{}}}"#, nested("[", "]", 1_000)),
        ),
        (
            "a number of 900,000 digits",
            variables(&"9".repeat(900_000)),
        ),
        (
            "an exponent of 900,000 digits",
            variables(&format!("1e{}", "9".repeat(900_000))),
        ),
        ("infinity", variables("Infinity")),
        ("half a pair", variables("\"\\ud800\"")),
        (
            "100,000 keys of one name",
            variables(&format!("{{{}\"a\":1}}", "\"a\":1,".repeat(100_000))),
        ),
        (
            "200,000 empty objects",
            variables(&format!("[{}{{}}]", "{},".repeat(200_000))),
        ),
    ];
    for (what, body) in bodies {
        let before = target.memory().now;
        let (status, answer) = sent(&target, "application/json", body.into_bytes()).await;
        let harmless = status == 200 && answer.to_string() == NOBODY;
        assert!(harmless || status == 400, "{what}: {status} {answer:.300}");
        let growth = target.memory().now.saturating_sub(before);
        assert!(growth < GROWTH, "{what} cost {growth} bytes");
    }
    // Of two values for one name, one is taken or the whole is refused; both never run.
    let twice = r#"{"query":"{ viewer { id } }","query":"{ plans { code } }"}"#;
    let (status, answer) = sent(&target, "application/json", twice.as_bytes().to_vec()).await;
    let fields = answer["data"].as_object().map_or(0, serde_json::Map::len);
    assert!(status == 400 || fields == 1, "{status} {answer:.300}");
    let large = format!(
        r#"{{"query":"{{ viewer {{ id }} }}","variables":{{"x":"{}"}}}}"#,
        "x".repeat(8 << 20)
    );
    let response = target
        .client
        .http
        .post(format!("{}/graphql", target.client.base))
        .header("content-type", "application/json")
        .body(large)
        .send()
        .await;
    // A server may answer or close while the client still sends.
    assert!(response.is_err() || response.is_ok_and(|response| response.status().as_u16() == 413));
}

async fn bombs_of_compression(target: Target) {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let head = br#"{"query":"{ viewer { id } }","variables":{"x":""#;
    encoder.write_all(head).expect("memory");
    for _ in 0..100 {
        encoder.write_all(&vec![b' '; 1 << 20]).expect("memory");
    }
    encoder.write_all(b"\"}}").expect("memory");
    let bomb = encoder.finish().expect("memory");
    assert!(bomb.len() < 1 << 20, "the bomb is too large to be let in");
    let before = target.memory().now;
    for coding in [
        "gzip",
        "deflate",
        "br",
        "zstd",
        "gzip, gzip",
        "x-gzip",
        "identity, gzip",
        "compress",
    ] {
        let request = target
            .client
            .http
            .post(format!("{}/graphql", target.client.base))
            .header("content-type", "application/json")
            .header("content-encoding", coding);
        let response = in_time(coding, request.body(bomb.clone()).send())
            .await
            .expect("an answer");
        assert!(
            [400, 413, 415].contains(&response.status().as_u16()),
            "{coding}: {}",
            response.status()
        );
    }
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < GROWTH, "compressed bodies cost {growth} bytes");
}

async fn bodies_without_end(target: Target) {
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    let endless = format!(
        "{head}transfer-encoding: chunked\r\n\r\n{}",
        chunk.repeat(40)
    );
    let answers = exchange(&target, endless.as_bytes()).await;
    assert!(
        answers.statuses.is_empty() || answers.statuses == [413],
        "{answers:.500?}"
    );
    for (what, lines, body) in [
        (
            "a size that overflows",
            "transfer-encoding: chunked\r\n",
            "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
        ),
        (
            "a size that is none",
            "transfer-encoding: chunked\r\n",
            "-1\r\nx\r\n0\r\n\r\n",
        ),
        ("a length that is none", "content-length: -1\r\n", QUERY),
        (
            "a length that overflows",
            "content-length: 99999999999999999999999\r\n",
            QUERY,
        ),
        (
            "a length of 10 GB",
            "content-length: 10000000000\r\n",
            QUERY,
        ),
        (
            "two lengths",
            "content-length: 5\r\ncontent-length: 29\r\n",
            QUERY,
        ),
    ] {
        let answers = exchange(&target, format!("{head}{lines}\r\n{body}").as_bytes()).await;
        assert!(
            answers
                .statuses
                .iter()
                .all(|status| (400..500).contains(status)),
            "{what}: {answers:.500?}"
        );
    }
    let extended = format!(
        "{head}transfer-encoding: chunked\r\n\r\n1;{}\r\nx\r\n0\r\n\r\n",
        "a".repeat(200_000)
    );
    let answers = exchange(&target, extended.as_bytes()).await;
    assert!(!answers.statuses.contains(&200), "{answers:.500?}");
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
