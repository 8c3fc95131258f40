//! The two GraphQL subprotocols of WebSockets, graphql-transport-ws and the
//! older graphql-ws (subscriptions-transport-ws), as messages.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::json::write;

/// A subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// graphql-transport-ws
    Transport,
    /// graphql-ws
    Legacy,
}

impl Protocol {
    /// Names as negotiated, best first.
    pub(super) const NAMES: [&'static str; 2] = ["graphql-transport-ws", "graphql-ws"];

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "graphql-transport-ws" => Some(Self::Transport),
            "graphql-ws" => Some(Self::Legacy),
            _ => None,
        }
    }
}

/// A message of a client.
#[derive(Debug)]
pub(super) enum ClientMessage {
    Init(Map<String, Value>),
    Ping(Option<Value>),
    Pong,
    Subscribe {
        id: String,
        payload: Map<String, Value>,
    },
    Complete {
        id: String,
    },
    Terminate,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    payload: Option<Value>,
}

impl ClientMessage {
    /// Reads a message; `Err` says why it is none.
    pub(super) fn parse(protocol: Protocol, text: &str) -> Result<Self, &'static str> {
        let raw: Raw = serde_json::from_str(text).map_err(|_| "Invalid message received")?;
        let object = |payload: Option<Value>| match payload {
            Some(Value::Object(fields)) => Ok(fields),
            None | Some(Value::Null) => Ok(Map::new()),
            Some(_) => Err("The payload must be an object"),
        };
        let id = |id: Option<String>| {
            id.filter(|id| !id.is_empty())
                .ok_or("The message has no id")
        };
        match (protocol, raw.kind.as_str()) {
            (_, "connection_init") => Ok(Self::Init(object(raw.payload)?)),
            (Protocol::Transport, "ping") => Ok(Self::Ping(raw.payload)),
            (Protocol::Transport, "pong") => Ok(Self::Pong),
            (Protocol::Transport, "subscribe") | (Protocol::Legacy, "start") => {
                Ok(Self::Subscribe {
                    id: id(raw.id)?,
                    payload: match (protocol, raw.payload) {
                        (Protocol::Transport, None | Some(Value::Null)) => {
                            return Err("The message has no payload");
                        }
                        (_, payload) => object(payload)?,
                    },
                })
            }
            (Protocol::Transport, "complete") | (Protocol::Legacy, "stop") => {
                Ok(Self::Complete { id: id(raw.id)? })
            }
            (Protocol::Legacy, "connection_terminate") => Ok(Self::Terminate),
            _ => Err("Unknown message type"),
        }
    }
}

pub(super) fn ack() -> String {
    r#"{"type":"connection_ack"}"#.to_owned()
}

pub(super) fn connection_error(message: &str) -> String {
    serde_json::json!({"type": "connection_error", "payload": {"message": message}}).to_string()
}

pub(super) fn pong(payload: Option<&Value>) -> String {
    match payload {
        Some(payload) => serde_json::json!({"type": "pong", "payload": payload}).to_string(),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// What keeps the connection alive while nothing happens.
pub(super) fn keep_alive(protocol: Protocol) -> String {
    match protocol {
        Protocol::Transport => r#"{"type":"ping"}"#.to_owned(),
        Protocol::Legacy => r#"{"type":"ka"}"#.to_owned(),
    }
}

/// A result of an operation; `payload` is JSON.
pub(super) fn next(protocol: Protocol, id: &str, payload: &[u8]) -> String {
    let kind = if protocol == Protocol::Transport {
        "next"
    } else {
        "data"
    };
    with_payload(id, kind, payload)
}

/// The operation was refused; `errors` is a JSON list.
pub(super) fn error(protocol: Protocol, id: &str, errors: &[Value]) -> String {
    let payload = match protocol {
        Protocol::Transport => Value::from(errors),
        // The older protocol has room for one error.
        Protocol::Legacy => errors.first().cloned().unwrap_or_default(),
    };
    with_payload(id, "error", payload.to_string().as_bytes())
}

pub(super) fn complete(id: &str) -> String {
    let mut out = br#"{"type":"complete","id":"#.to_vec();
    write::string(&mut out, id);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}

fn with_payload(id: &str, kind: &str, payload: &[u8]) -> String {
    let mut out = Vec::with_capacity(payload.len() + id.len() + 48);
    out.extend_from_slice(b"{\"id\":");
    write::string(&mut out, id);
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"payload\":");
    out.extend_from_slice(payload);
    out.push(b'}');
    // Answers are UTF-8: every part was a string or checked when it came in.
    String::from_utf8(out).unwrap_or_default()
}
