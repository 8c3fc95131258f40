//! Abuse of the protocols of WebSockets and server-sent events.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    schema::Operation,
    socket::{Heard, Socket},
    target::{Target, attacks, in_time},
};

/// Quick enough for tests, and what operators may set.
const CONFIG: &str = "[subscriptions]\ninit_timeout_ms = 1500\nmax_per_connection = 20\n";

#[tokio::test(flavor = "multi_thread")]
async fn sockets_that_break_the_protocol_are_closed() {
    let target = Target::up_with(&[], &[], CONFIG).await;
    target
        .in_turn(attacks![target;
            nothing_runs_before_the_caller_is_known,
            a_socket_that_says_nothing_is_closed,
            a_second_introduction_is_refused,
            messages_that_are_none_close_the_socket,
            messages_that_are_too_large_close_the_socket,
            operations_on_a_socket_are_counted,
            unknown_protocols_are_refused,
            pings_without_end_do_no_harm,
            hostile_documents_are_refused_on_sockets_too,
            reserved_streams_are_their_callers,
        ])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_without_a_payload_closes_the_socket() {
    let target = Target::up_with(&[], &[], CONFIG).await;
    target
        .side_by_side(attacks![target; subscribing_without_a_payload_closes_with_4400])
        .await;
}

fn viewer() -> Operation {
    Operation {
        query: "{ viewer { id } }".to_owned(),
        variables: json!({}),
    }
}

async fn nothing_runs_before_the_caller_is_known(target: Target) {
    let token = target
        .person("wanda")
        .await
        .client
        .token
        .expect("signed in");
    let mut socket = Socket::open(&target).await;
    socket.subscribe("1", &viewer()).await;
    assert_eq!(socket.end().await, 4401);
    assert!(socket.heard.is_empty(), "{:#?}", socket.heard);
    // A token in the message of an operation is no introduction.
    let mut socket = Socket::open(&target).await;
    let headers = json!({ "headers": { "authorization": format!("Bearer {token}") } });
    let payload = json!({ "query": "{ viewer { id } }", "extensions": headers });
    socket
        .say(json!({ "type": "subscribe", "id": "1", "payload": payload }))
        .await;
    assert_eq!(socket.end().await, 4401);
}

async fn a_socket_that_says_nothing_is_closed(target: Target) {
    let mut socket = Socket::open(&target).await;
    assert_eq!(socket.end().await, 4408);
    // Signs of life are no introduction either.
    let mut socket = Socket::open(&target).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.end().await, 4408);
}

async fn a_second_introduction_is_refused(target: Target) {
    let (person, other) = (target.person("wilma").await, target.person("walter").await);
    let mut socket = Socket::of(&target, person.client.token.as_deref()).await;
    let token = other.client.token.expect("signed in");
    socket.say(json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } })).await;
    assert_eq!(socket.end().await, 4429);
    let mut socket = Socket::of(&target, None).await;
    socket
        .subscribe(
            "same",
            &Operation {
                query: "subscription { accountEvents { __typename } }".to_owned(),
                variables: json!({}),
            },
        )
        .await;
    socket.end_or_error("same").await;
    let mut socket = Socket::of(&target, person.client.token.as_deref()).await;
    let follow = Operation {
        query: "subscription { assetEvents { __typename } }".to_owned(),
        variables: json!({}),
    };
    socket.subscribe("same", &follow).await;
    socket.subscribe("same", &follow).await;
    assert_eq!(socket.end().await, 4409);
}

impl Socket {
    /// Waits for the refusal of an operation, or for the end of the socket.
    async fn end_or_error(&mut self, id: &str) {
        if let Heard::Message(message) = self.answer(id).await {
            let refused =
                message["type"] == "error" || message.pointer("/payload/errors").is_some();
            assert!(refused, "{message:#}");
        }
    }
}

async fn messages_that_are_none_close_the_socket(target: Target) {
    let nested = format!(
        "{{\"type\":\"ping\",\"payload\":{}{}}}",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    let texts = [
        "",
        "nonsense",
        "{",
        "[]",
        "null",
        "42",
        "{}",
        "{\"type\":1}",
        "{\"type\":\"__proto__\"}",
        "{\"type\":\"next\",\"id\":\"1\"}",
        "{\"type\":\"subscribe\",\"id\":\"\",\"payload\":{}}",
        "{\"type\":\"subscribe\",\"payload\":{}}",
        "{\"type\":\"subscribe\",\"id\":7,\"payload\":{}}",
        "{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":[]}",
        "{\"type\":\"complete\"}",
        "{\"type\":\"connection_init\",\"payload\":\"x\"}",
        &nested,
    ];
    for text in texts {
        let mut socket = Socket::open(&target).await;
        socket.send(Message::text(text.to_owned())).await;
        assert_eq!(socket.end().await, 4400, "{text:.80}");
    }
    let mut socket = Socket::open(&target).await;
    socket
        .send(Message::binary(b"{\"type\":\"connection_init\"}".to_vec()))
        .await;
    assert_eq!(socket.end().await, 4400, "a binary message");
    // Frames that RFC 6455 forbids: text that is no UTF-8, a ping too long, a piece of nothing.
    let frames = [
        Frame::message(vec![0xff, 0xfe, 0xfd], OpCode::Data(Data::Text), true),
        Frame::ping(vec![0; 200]),
        Frame::message(vec![b'x'], OpCode::Data(Data::Continue), true),
    ];
    for frame in frames {
        let mut socket = Socket::open(&target).await;
        let _ = socket.stream.send(Message::Frame(frame.clone())).await;
        let code = socket.end().await;
        assert!(
            [1002, 1003, 1006, 1007, 1009, 4400].contains(&code),
            "{frame:?}: {code}"
        );
    }
}

async fn messages_that_are_too_large_close_the_socket(target: Target) {
    let before = target.memory().now;
    let mut socket = Socket::open(&target).await;
    socket.send(Message::text("x".repeat(3 << 20))).await;
    assert!(
        [1009, 1006].contains(&socket.end().await),
        "a message of 3 MB"
    );
    // In pieces that never end.
    let mut socket = Socket::open(&target).await;
    let piece = |opcode, last| {
        Message::Frame(Frame::message(
            vec![b'x'; 256 << 10],
            OpCode::Data(opcode),
            last,
        ))
    };
    let _ = socket.stream.send(piece(Data::Text, false)).await;
    for _ in 0..40 {
        if socket
            .stream
            .send(piece(Data::Continue, false))
            .await
            .is_err()
        {
            break;
        }
    }
    assert!(
        [1009, 1006, 4408].contains(&socket.end().await),
        "a message without end"
    );
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < 64 << 20, "messages cost {growth} bytes");
}

async fn operations_on_a_socket_are_counted(target: Target) {
    let person = target.person("winona").await;
    let mut socket = Socket::of(&target, person.client.token.as_deref()).await;
    let follow = Operation {
        query: "subscription { assetEvents { __typename } }".to_owned(),
        variables: json!({}),
    };
    for at in 0..21 {
        socket.subscribe(&at.to_string(), &follow).await;
    }
    let Heard::Message(refused) = socket.next().await else {
        panic!("it closed")
    };
    assert_eq!(
        (
            &refused["id"],
            refused.pointer("/payload/0/extensions/code")
        ),
        (&json!("20"), Some(&json!("RATE_LIMITED"))),
        "{refused:#}"
    );
    // Ending some makes room again, and unknown ones end nothing.
    socket
        .say(json!({ "type": "complete", "id": "nothing" }))
        .await;
    socket.say(json!({ "type": "complete", "id": "3" })).await;
    let answered = socket.ask("again", "{ viewer { id } }", json!({})).await;
    assert!(
        matches!(&answered, Heard::Message(message) if message.pointer("/payload/data/viewer/id").is_some()),
        "{answered:?}"
    );
}

async fn unknown_protocols_are_refused(target: Target) {
    for protocol in [None, Some("soap"), Some("graphql-transport-ws-evil")] {
        let headers: Vec<_> = protocol
            .into_iter()
            .map(|protocol| ("sec-websocket-protocol", protocol))
            .collect();
        if let Ok(mut socket) = Socket::open_with(&target, &headers).await {
            assert_eq!(socket.end().await, 4406, "{protocol:?}");
        }
    }
}

async fn pings_without_end_do_no_harm(target: Target) {
    let before = target.memory().now;
    let mut socket = Socket::of(&target, None).await;
    // The other side answers each; nobody reads the answers.
    let flood = async {
        for _ in 0..20_000 {
            if socket
                .stream
                .feed(Message::text("{\"type\":\"ping\",\"payload\":{\"a\":1}}"))
                .await
                .is_err()
            {
                break;
            }
        }
        let _ = socket.stream.flush().await;
    };
    let _ = tokio::time::timeout(std::time::Duration::from_secs(5), flood).await;
    let growth = target.memory().now.saturating_sub(before);
    assert!(growth < 64 << 20, "pings cost {growth} bytes");
    assert!(target.serves().await);
    let mut heard = 0;
    while let Ok(Some(Ok(_))) =
        tokio::time::timeout(std::time::Duration::from_millis(300), socket.stream.next()).await
    {
        heard += 1;
        if heard > 30_000 {
            break;
        }
    }
}

async fn hostile_documents_are_refused_on_sockets_too(target: Target) {
    let mut socket = Socket::of(&target, None).await;
    for (at, document) in [
        format!("{}{}", "{ a".repeat(5_000), "}".repeat(5_000)),
        "{ ...F } fragment F on Query { ...F }".to_owned(),
        "x".repeat(200_000),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let Heard::Message(answer) = socket.ask(&at.to_string(), &document, json!({})).await else {
            panic!("{document:.40} closed the socket")
        };
        let error = answer
            .pointer("/payload/0/extensions/code")
            .and_then(Value::as_str);
        assert!(
            answer["type"] == "error" && error.is_some_and(|code| code != "INTERNAL"),
            "{answer:#}"
        );
    }
}

/// Sends a request of graphql-sse in its mode of a single connection.
async fn single(
    target: &Target,
    method: reqwest::Method,
    token: Option<&str>,
    stream: Option<&str>,
    query: &str,
    body: Option<Value>,
) -> (u16, String) {
    let mut request = target
        .client
        .http
        .request(method, format!("{}/graphql{query}", target.client.base));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(stream) = stream {
        request = request.header("x-graphql-event-stream-token", stream);
    }
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = in_time("an answer", request.send())
        .await
        .expect("an answer");
    (
        response.status().as_u16(),
        response.text().await.expect("text"),
    )
}

async fn reserved_streams_are_their_callers(target: Target) {
    use reqwest::Method;
    let (owner, thief) = (target.person("wendy").await, target.person("wolf").await);
    let (owner, thief) = (
        owner.client.token.expect("signed in"),
        thief.client.token.expect("signed in"),
    );
    let (status, stream) = single(&target, Method::PUT, Some(&owner), None, "", None).await;
    assert_eq!(status, 201);
    let operation =
        json!({ "query": "{ viewer { id email } }", "extensions": { "operationId": "1" } });
    for caller in [Some(thief.as_str()), None] {
        for (method, query, body) in [
            (Method::GET, "", None),
            (Method::POST, "", Some(operation.clone())),
            (Method::DELETE, "?operationId=1", None),
        ] {
            let (status, text) =
                single(&target, method.clone(), caller, Some(&stream), query, body).await;
            assert_eq!(status, 404, "{method}: {text}");
        }
    }
    for unknown in [
        "",
        "nothing",
        "00000000-0000-4000-8000-000000000000",
        &stream.to_uppercase(),
        &"x".repeat(5_000),
    ] {
        let (status, text) = single(
            &target,
            Method::POST,
            Some(&owner),
            Some(unknown),
            "",
            Some(operation.clone()),
        )
        .await;
        assert_eq!(status, 404, "{unknown:.50}: {text}");
    }
    let (status, _) = single(
        &target,
        Method::POST,
        Some(&owner),
        Some(&stream),
        "",
        Some(operation),
    )
    .await;
    assert_eq!(status, 202, "its owner may");
}

async fn subscribing_without_a_payload_closes_with_4400(target: Target) {
    for payload in [None, Some(Value::Null)] {
        let mut socket = Socket::of(&target, None).await;
        let mut message = json!({ "type": "subscribe", "id": "1" });
        if let Some(payload) = payload {
            message["payload"] = payload;
        }
        socket.say(message).await;
        assert_eq!(socket.end().await, 4400);
    }
}
