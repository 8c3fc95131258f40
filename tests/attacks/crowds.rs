//! Many at once: connections, streams and operations that are meant to leave no room for others.

use std::{collections::BTreeMap, time::Duration};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    harness::eventually,
    socket::{Heard, Socket},
    target::{Target, attacks, in_time},
    wire::{Answers, connect_from, post},
};

#[tokio::test(flavor = "multi_thread")]
async fn crowds_leave_room_for_others() {
    let target = Target::up().await;
    target.in_turn(attacks![target; a_flood_of_identical_requests, sockets_that_come_and_go, subscriptions_that_come_and_go]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_and_slow_clients_leave_room_for_others() {
    let target = Target::up_with(&[], &[], TIMES).await;
    target
        .in_turn(attacks![target;
            connections_that_say_nothing,
            heads_that_come_byte_by_byte,
            prefaces_without_a_request,
            connections_that_were_used_once,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_bounded_whatever_is_asked() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target; readers_that_do_not_read, operations_that_all_differ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reservations_of_one_leave_room_for_others() {
    let target = Target::up().await;
    target
        .in_turn(attacks![target; streams_that_are_reserved_and_not_opened])
        .await;
}

/// Shorter than operators would set them, so that nobody waits long for the end.
const TIMES: &str = "[connections]\nhead_ms = 3000\nidle_ms = 3000\n";
const MIB: u64 = 1 << 20;
const VIEWER: &str = r#"{"query":"{ viewer { id } }"}"#;

async fn a_flood_of_identical_requests(target: Target) {
    let before = target.memory().now;
    let ask = |_| async {
        target
            .client
            .send("{ viewer { id } plans { code } }", json!({}))
            .await
            .is_ok()
    };
    let answered = futures::stream::iter(0..3_000)
        .map(ask)
        .buffer_unordered(100)
        .filter(|ok| std::future::ready(*ok))
        .count()
        .await;
    assert_eq!(answered, 3_000);
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < 64 * MIB, "3,000 requests left {growth} bytes");
}

async fn sockets_that_come_and_go(target: Target) {
    let before = target.memory().now;
    let come = |_| async {
        let mut socket = Socket::of(&target, None).await;
        matches!(
            socket.ask("1", "{ viewer { id } }", json!({})).await,
            Heard::Message(_)
        )
        // And goes without a word.
    };
    let answered = futures::stream::iter(0..400)
        .map(come)
        .buffer_unordered(40)
        .filter(|ok| std::future::ready(*ok))
        .count()
        .await;
    assert_eq!(answered, 400);
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < 64 * MIB, "400 sockets left {growth} bytes");
}

async fn subscriptions_that_come_and_go(target: Target) {
    let person = target.person("sonja").await;
    let before = target.memory().now;
    let mut socket = Socket::of(&target, person.client.token.as_deref()).await;
    for round in 0..20 {
        for at in 0..50 {
            let query = "subscription { assetEvents { __typename } }".to_owned();
            socket
                .subscribe(
                    &format!("{round}-{at}"),
                    &crate::schema::Operation {
                        query,
                        variables: json!({}),
                    },
                )
                .await;
        }
        for at in 0..50 {
            socket
                .say(json!({ "type": "complete", "id": format!("{round}-{at}") }))
                .await;
        }
    }
    assert!(matches!(
        socket.ask("after", "{ viewer { id } }", json!({})).await,
        Heard::Message(_)
    ));
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < 64 * MIB, "1,000 subscriptions left {growth} bytes");
}

/// Connections that say `said` and nothing more, from one address. Those that were not let in are
/// left out: they hold nothing.
async fn silent(target: &Target, count: usize, said: &[u8]) -> Vec<TcpStream> {
    let open = |_| async {
        let opened =
            tokio::time::timeout(Duration::from_secs(5), connect_from(target, "127.0.0.1")).await;
        let mut stream = opened.ok()?.ok()?;
        stream.write_all(said).await.ok()?;
        Some(stream)
    };
    futures::stream::iter(0..count)
        .map(open)
        .buffer_unordered(64)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// Fails unless somebody at another address is answered meanwhile.
async fn assert_others_are_served(target: &Target) {
    eventually("an answer for somebody else", || async {
        let mut stream =
            tokio::time::timeout(Duration::from_secs(5), connect_from(target, "127.0.0.2"))
                .await
                .ok()?
                .ok()?;
        stream
            .write_all(&post("connection: close\r\n", VIEWER))
            .await
            .ok()?;
        let mut bytes = Vec::new();
        tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes))
            .await
            .ok()?
            .ok()?;
        (Answers::of(&bytes).statuses == [200]).then_some(())
    })
    .await;
}

/// Fails unless the other side ends all of these connections by itself.
async fn assert_ended(streams: Vec<TcpStream>) {
    let ends = streams.into_iter().map(|mut stream| async move {
        let mut chunk = [0; 4096];
        while stream.read(&mut chunk).await.is_ok_and(|length| length > 0) {}
    });
    in_time(
        "the end of connections that say nothing",
        futures::future::join_all(ends),
    )
    .await;
}

async fn connections_that_say_nothing(target: Target) {
    let streams = silent(&target, 1_500, b"").await;
    assert_others_are_served(&target).await;
    println!("{} silent connections: {}", streams.len(), target.memory());
    assert_ended(streams).await;
}

async fn heads_that_come_byte_by_byte(target: Target) {
    let mut streams = silent(
        &target,
        300,
        b"POST /graphql HTTP/1.1\r\nhost: localhost\r\n",
    )
    .await;
    for _ in 0..5 {
        for stream in &mut streams {
            let _ = stream.write_all(b"x").await;
        }
        assert_others_are_served(&target).await;
    }
    assert_ended(streams).await;
}

async fn prefaces_without_a_request(target: Target) {
    // RFC 9113 §3.4, and an empty SETTINGS frame.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let whole = silent(&target, 150, preface).await;
    let half = silent(&target, 150, &preface[..10]).await;
    assert_others_are_served(&target).await;
    assert_ended(half).await;
    drop(whole);
}

async fn connections_that_were_used_once(target: Target) {
    // Kept alive, and never used again.
    let streams = silent(&target, 300, &post("", VIEWER)).await;
    assert_others_are_served(&target).await;
    assert_ended(streams).await;
}

async fn readers_that_do_not_read(target: Target) {
    let before = target.memory().now;
    let whole = "types { name description fields { name description args { name description } type { name kind ofType { name } } } }";
    let query: String = (0..50)
        .map(|at| format!("a{at}: __schema {{ {whole} }} "))
        .collect();
    let body = json!({ "query": format!("{{ {query} }}") }).to_string();
    let streams = silent(&target, 60, &post("", &body)).await;
    // Time to answer them all, as somebody else sees it: each waits for those before.
    for _ in 0..30 {
        assert_others_are_served(&target).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let peak = target.memory().peak.saturating_sub(before);
    println!(
        "{} readers that do not read: {} MiB",
        streams.len(),
        peak / MIB
    );
    assert!(
        peak < 200 * MIB,
        "readers that do not read cost {peak} bytes"
    );
    // The same on a socket, by one query after another.
    let mut socket = Socket::of(&target, None).await;
    for at in 0..80 {
        let query = format!("{{ __schema {{ {whole} }} }}");
        socket
            .subscribe(
                &at.to_string(),
                &crate::schema::Operation {
                    query,
                    variables: json!({}),
                },
            )
            .await;
    }
    assert_others_are_served(&target).await;
    let peak = target.memory().peak.saturating_sub(before);
    assert!(
        peak < 200 * MIB,
        "a socket that is not read costs {peak} bytes"
    );
}

async fn operations_that_all_differ(target: Target) {
    let ask = |at: usize| {
        let client = target.client.clone();
        async move {
            // 12 kB each, all valid, none like another.
            let aliases: String = (0..190)
                .map(|field| format!("f{at}x{field}: code description quotas {{ meter limit }} "))
                .collect();
            let answer: Value = client
                .send(
                    &format!(
                        "query Q{at} {{ plans {{ {} }} }}",
                        aliases.replace(": code", ": code ")
                    ),
                    json!({}),
                )
                .await
                .expect("an answer");
            assert!(
                answer
                    .get("errors")
                    .is_none_or(|errors| errors[0]["extensions"]["code"] != "INTERNAL"),
                "{answer:.400}"
            );
        }
    };
    let mut figures = BTreeMap::new();
    for round in 0..3 {
        futures::stream::iter(round * 150..(round + 1) * 150)
            .map(ask)
            .buffer_unordered(8)
            .collect::<Vec<()>>()
            .await;
        figures.insert(round, target.memory().now);
    }
    println!("450 operations that all differ: {figures:?}");
    let growth = figures[&2].saturating_sub(figures[&0]);
    assert!(
        growth < 100 * MIB,
        "300 more operations cost {growth} bytes"
    );
}

async fn streams_that_are_reserved_and_not_opened(target: Target) {
    let url = format!("{}/graphql", target.client.base);
    let reserve = |at: usize| {
        let request = target
            .client
            .http
            .put(&url)
            .header("x-forwarded-for", "203.0.113.99");
        async move {
            request
                .header("x-at", at.to_string())
                .send()
                .await
                .map(|response| response.status().as_u16())
        }
    };
    let statuses: Vec<u16> = futures::stream::iter(0..10_500)
        .map(reserve)
        .buffer_unordered(64)
        .filter_map(|status| std::future::ready(status.ok()))
        .collect()
        .await;
    let reserved = statuses.iter().filter(|status| **status == 201).count();
    println!(
        "{reserved} of 10,500 streams were reserved by nobody: {}",
        target.memory()
    );
    assert!(reserved < 5_000, "{reserved} streams for one caller");
    let person = target.person("stella").await;
    let request = target
        .client
        .http
        .put(&url)
        .bearer_auth(person.client.token.expect("signed in"));
    assert_eq!(
        request.send().await.expect("an answer").status().as_u16(),
        201,
        "somebody else is locked out"
    );
    let request = target
        .client
        .http
        .put(&url)
        .header("x-forwarded-for", "198.51.100.99");
    assert_eq!(
        request.send().await.expect("an answer").status().as_u16(),
        201,
        "another nobody is locked out"
    );
}
