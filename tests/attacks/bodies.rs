//! Bodies that are made to break whoever reads them.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;

use crate::{
    leaks::assert_says_nothing_of_the_inside,
    requests::{GROWTH, NOBODY, QUERY},
    target::{Target, attacks, in_time},
    wire::{exchange, post},
};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_cheaply() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target;
            bodies_that_are_not_what_they_say,
            bombs_of_json,
            bombs_of_compression,
            bodies_without_end,
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
        let text = answer.to_string();
        let harmless = status == 200 && text == NOBODY;
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
