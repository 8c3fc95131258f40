//! Everything that a client can hold open: sockets, and streams in three protocols.

use std::pin::Pin;

use futures::{SinkExt, Stream, StreamExt};
use reqwest::header::{ACCEPT, AUTHORIZATION};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::harness::{Client, DEADLINE};

/// A WebSocket on which the client has said who it is.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What comes out of a socket.
#[derive(Debug)]
pub enum Heard {
    Message(Value),
    Closed(u16),
}

impl Socket {
    pub async fn open(client: &Client) -> Self {
        let url = client.base.replace("http://", "ws://") + "/graphql";
        let mut request = url.into_client_request().expect("a URL");
        let protocol = "graphql-transport-ws".parse().expect("a header");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let (stream, _) = tokio_tungstenite::connect_async(request)
            .await
            .expect("a socket");
        let mut socket = Self(stream);
        let bearer = format!("Bearer {}", client.token.as_deref().expect("a token"));
        socket
            .send(json!({ "type": "connection_init", "payload": { "authorization": bearer } }))
            .await;
        match socket.hear().await {
            Heard::Message(message) => assert_eq!(message["type"], "connection_ack"),
            Heard::Closed(code) => panic!("closed with {code}"),
        }
        socket
    }

    async fn send(&mut self, message: Value) {
        // Fails when the socket was closed, which is heard.
        let _ = self.0.send(Message::text(message.to_string())).await;
    }

    pub async fn ask(&mut self, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.send(json!({ "type": "subscribe", "id": "1", "payload": payload }))
            .await;
    }

    /// What comes next, apart from signs of life.
    pub async fn hear(&mut self) -> Heard {
        loop {
            let message = tokio::time::timeout(DEADLINE, self.0.next())
                .await
                .expect("something comes in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    if message["type"] != "ping" {
                        return Heard::Message(message);
                    }
                }
                Some(Ok(Message::Close(Some(frame)))) => return Heard::Closed(frame.code.into()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the socket ended without a reason: {other:?}"),
            }
        }
    }

    /// Waits for the end, and insists that nothing was answered before.
    pub async fn closed_unanswered(&mut self) -> u16 {
        loop {
            match self.hear().await {
                Heard::Closed(code) => return code,
                // What was subscribed to may say why it ends.
                Heard::Message(message) => {
                    assert!(
                        message["payload"].get("data").is_none(),
                        "answered: {message}"
                    );
                }
            }
        }
    }

    /// The answer to a query or a mutation.
    pub async fn answer(&mut self) -> Value {
        let mut answer = None;
        loop {
            match self.hear().await {
                Heard::Message(mut message) => match message["type"].as_str() {
                    Some("next") => answer = Some(message["payload"].take()),
                    Some("complete") => return answer.expect("an answer"),
                    _ => panic!("not an answer: {message}"),
                },
                Heard::Closed(code) => panic!("closed with {code}"),
            }
        }
    }
}

/// A stream over HTTP.
pub struct Events {
    protocol: &'static str,
    bytes: Pin<Box<dyn Stream<Item = String> + Send>>,
    seen: String,
}

impl Events {
    fn of(protocol: &'static str, response: reqwest::Response) -> Self {
        assert!(response.status().is_success(), "{protocol}: {response:?}");
        let bytes = response.bytes_stream().map(|bytes| {
            let bytes = bytes.expect("the stream does not break off");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Self {
            protocol,
            bytes: Box::pin(bytes),
            seen: String::new(),
        }
    }

    /// Server-sent events, one stream for one operation.
    pub async fn distinct(client: &Client, query: &str) -> Self {
        let response = request(client, reqwest::Method::POST)
            .header(ACCEPT, "text/event-stream")
            .json(&json!({ "query": query }))
            .send()
            .await
            .expect("an answer");
        Self::of("server-sent events", response)
    }

    /// Server-sent events, one stream for many operations.
    pub async fn single(client: &Client, query: &str) -> Self {
        let reserved = request(client, reqwest::Method::PUT).send().await;
        let token = reserved.expect("an answer").text().await.expect("a token");
        let named = |method| request(client, method).header("x-graphql-event-stream-token", &token);
        let stream = named(reqwest::Method::GET)
            .header(ACCEPT, "text/event-stream")
            .send()
            .await
            .expect("a stream");
        let operation = json!({ "query": query, "extensions": { "operationId": "1" } });
        let accepted = named(reqwest::Method::POST).json(&operation).send().await;
        let status = accepted.expect("an answer").status();
        assert_eq!(status, reqwest::StatusCode::ACCEPTED);
        Self::of("server-sent events in one connection", stream)
    }

    /// Parts of a multipart answer.
    pub async fn multipart(client: &Client, query: &str) -> Self {
        let response = request(client, reqwest::Method::POST)
            .header(
                ACCEPT,
                "multipart/mixed;subscriptionSpec=1.0, application/json",
            )
            .json(&json!({ "query": query }))
            .send()
            .await
            .expect("an answer");
        Self::of("multipart", response)
    }

    /// Waits until the whole stream is over.
    async fn over(&mut self) {
        let rest = async { while self.bytes.next().await.is_some() {} };
        let over = tokio::time::timeout(DEADLINE, rest).await;
        assert!(over.is_ok(), "{} goes on: {}", self.protocol, self.seen);
    }

    /// As [`Events::ends_with`], and the stream is over.
    pub async fn over_with(mut self, codes: &[&str]) {
        self.told(codes).await;
        self.over().await;
    }

    /// Waits until the operation ends with one of these codes, and insists that nothing was told
    /// before.
    pub async fn ends_with(mut self, codes: &[&str]) {
        self.told(codes).await;
    }

    async fn told(&mut self, codes: &[&str]) {
        let ended = |seen: &str| codes.iter().any(|code| seen.contains(&format!("{code:?}")));
        while !ended(&self.seen) {
            let more = tokio::time::timeout(DEADLINE, self.bytes.next()).await;
            let more = more.unwrap_or_else(|_| panic!("{}: {}", self.protocol, self.seen));
            let more = more.unwrap_or_else(|| panic!("{} ended: {}", self.protocol, self.seen));
            self.seen += &more;
        }
        let told = self.seen.contains("\"data\":{");
        assert!(!told, "{}: {}", self.protocol, self.seen);
    }
}

fn request(client: &Client, method: reqwest::Method) -> reqwest::RequestBuilder {
    let bearer = format!("Bearer {}", client.token.as_deref().expect("a token"));
    client
        .http
        .request(method, format!("{}/graphql", client.base))
        .header(AUTHORIZATION, bearer)
}

/// One of everything, with `query` running on each that carries subscriptions.
pub struct Opened {
    pub idle: Socket,
    pub following: Socket,
    pub streams: [Events; 3],
}

impl Opened {
    pub async fn with(client: &Client, query: &str) -> Self {
        let mut following = Socket::open(client).await;
        following.ask(query, json!({})).await;
        Self {
            idle: Socket::open(client).await,
            following,
            streams: [
                Events::distinct(client, query).await,
                Events::single(client, query).await,
                Events::multipart(client, query).await,
            ],
        }
    }
}
