//! A WebSocket in hostile hands: it says what it is told to say.

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
        protocol::frame::coding::CloseCode,
    },
};

use crate::{
    schema::Operation,
    target::{Target, in_time},
};

/// An open socket, and all that was heard on it.
pub struct Socket {
    pub stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub heard: Vec<Value>,
}

/// What came next.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    Message(Value),
    /// The code of the close frame; 1006 if there was none (RFC 6455 §7.4.1).
    Closed(u16),
}

impl Socket {
    /// Opens a socket for graphql-transport-ws.
    pub async fn open(target: &Target) -> Self {
        let opened = Self::open_with(
            target,
            &[("sec-websocket-protocol", "graphql-transport-ws")],
        )
        .await;
        opened.expect("a socket")
    }

    /// Opens a socket with these headers.
    pub async fn open_with(target: &Target, headers: &[(&str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}/graphql", target.address).into_client_request()?;
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).expect("a value"));
        }
        let (stream, _) = connect_async(request).await?;
        Ok(Self {
            stream,
            heard: Vec::new(),
        })
    }

    /// A socket of somebody who presented `token`, or of nobody.
    pub async fn of(target: &Target, token: Option<&str>) -> Self {
        let mut socket = Self::open(target).await;
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        socket
            .say(json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(
            socket.next().await,
            Heard::Message(json!({ "type": "connection_ack" }))
        );
        socket
    }

    /// Says something; that nobody listens any more is told by what comes next.
    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a frame.
    pub async fn send(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    /// Starts an operation.
    pub async fn subscribe(&mut self, id: &str, operation: &Operation) {
        let payload = json!({ "query": operation.query, "variables": operation.variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    /// What comes next, apart from signs of life.
    pub async fn next(&mut self) -> Heard {
        loop {
            let message = in_time("something on a socket", self.stream.next()).await;
            let text = match message {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map_or(CloseCode::Status, |frame| frame.code);
                    return Heard::Closed(code.into());
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return Heard::Closed(1006),
            };
            let value: Value = serde_json::from_str(text.as_str()).expect("JSON");
            if value["type"] == "ping" {
                continue;
            }
            self.heard.push(value.clone());
            return Heard::Message(value);
        }
    }

    /// The answer to an operation with this id: its first `next` or `error`, or its end.
    pub async fn answer(&mut self, id: &str) -> Heard {
        loop {
            match self.next().await {
                Heard::Message(message) if message["id"] == id => return Heard::Message(message),
                Heard::Message(_) => {}
                closed => return closed,
            }
        }
    }

    /// How the socket ends.
    pub async fn end(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// What a query on this socket answers, or how the socket ended instead.
    pub async fn ask(&mut self, id: &str, query: &str, variables: Value) -> Heard {
        let query = query.to_owned();
        self.subscribe(id, &Operation { query, variables }).await;
        self.answer(id).await
    }
}
