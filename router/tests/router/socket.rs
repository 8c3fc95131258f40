//! A WebSocket client that speaks JSON.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Longer is a failure.
pub const WAIT: Duration = Duration::from_secs(60);

/// A WebSocket client that speaks JSON.
pub struct Socket(
    pub tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>,
);

impl Socket {
    pub async fn open(base: &str, protocol: &str) -> Self {
        let url = format!("{}/graphql", base.replace("http://", "ws://"));
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol.parse().unwrap());
        Self(tokio_tungstenite::connect_async(request).await.unwrap().0)
    }

    pub async fn ready(base: &str) -> Self {
        let mut socket = Self::open(base, "graphql-transport-ws").await;
        socket.send(json!({"type": "connection_init"})).await;
        assert_eq!(socket.next().await, json!({"type": "connection_ack"}));
        socket
    }

    pub async fn send(&mut self, message: Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.send(json!({"type": "subscribe", "id": id, "payload": {"query": query}}))
            .await;
    }

    pub async fn message(&mut self) -> Option<Message> {
        loop {
            match tokio::time::timeout(WAIT, self.0.next())
                .await
                .expect("no message in time")
            {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => return Some(message),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The next message that is not the router asking whether the client is there.
    pub async fn next(&mut self) -> Value {
        loop {
            let message: Value = match self.message().await {
                Some(Message::Text(text)) => serde_json::from_str(&text).unwrap(),
                other => panic!("expected a message, got {other:?}"),
            };
            if message["type"] != "ping" {
                return message;
            }
        }
    }

    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("expected a close frame, got {other:?}"),
            }
        }
    }
}
