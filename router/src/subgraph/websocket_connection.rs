//! One graphql-transport-ws connection to a subgraph, run by a task of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Uri};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::http::chain;
use super::tls::Tls;
use super::websocket::as_json;
use super::{SubgraphError, SubgraphResponse};
use crate::queue;

/// Bytes read at a time, which each connection keeps.
const READ: usize = 8 * 1024;
/// Time to open a connection and have it acknowledged.
const OPENING: Duration = Duration::from_secs(10);
/// A connection without operations is closed after this.
const IDLE: Duration = Duration::from_secs(60);
/// A connection on which nothing is heard for this long is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// Pings are sent this often.
const PING: Duration = Duration::from_secs(15);

type Event = Result<SubgraphResponse, SubgraphError>;
type Socket = WebSocketStream<Box<dyn Io>>;

/// Plain TCP, or TLS on it.
trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What a connection is opened to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) limit: usize,
    pub(super) tls: Arc<Tls>,
    pub(super) headers: HeaderMap,
}

/// What operations tell the connection.
#[derive(Debug)]
pub(super) enum Command {
    Subscribe {
        id: String,
        message: String,
        events: queue::Sender<Event>,
    },
    Complete(String),
}

/// An open connection; closes when it is dropped or the subgraph closes it.
#[derive(Debug)]
pub(super) struct Connection {
    commands: queue::Sender<Command>,
}

impl Connection {
    pub(super) async fn open(target: Target) -> Result<Self, SubgraphError> {
        let socket = match tokio::time::timeout(OPENING, handshake(&target)).await {
            Ok(socket) => socket?,
            Err(_) => return Err(SubgraphError::Timeout),
        };
        let (commands, receiver) = queue::unbounded();
        let task = Task {
            name: target.name,
            socket,
            receiver,
            operations: HashMap::new(),
        };
        tokio::spawn(task.run());
        Ok(Self { commands })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.commands.is_closed()
    }

    pub(super) fn send(&self, command: Command) -> Result<(), SubgraphError> {
        let closed = |_| SubgraphError::Unavailable("the connection for events closed".into());
        self.commands.try_send(command).map_err(closed)
    }
}

fn unavailable(error: &dyn std::error::Error) -> SubgraphError {
    SubgraphError::Unavailable(chain(error))
}

async fn connect(uri: &Uri, tls: &Tls) -> Result<Box<dyn Io>, SubgraphError> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let encrypted = uri.scheme_str() == Some("wss");
    let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let tcp = TcpStream::connect((host, port))
        .await
        .map_err(|error| unavailable(&error))?;
    let _ = tcp.set_nodelay(true);
    if !encrypted {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| unavailable(&error))?;
    let stream = TlsConnector::from(Arc::clone(tls.config()))
        .connect(name, tcp)
        .await
        .map_err(|error| unavailable(&error))?;
    Ok(Box::new(stream))
}

async fn handshake(target: &Target) -> Result<Socket, SubgraphError> {
    let mut request = target
        .url
        .as_str()
        .into_client_request()
        .map_err(|error| unavailable(&error))?;
    for (name, value) in &target.headers {
        request.headers_mut().append(name.clone(), value.clone());
    }
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("graphql-transport-ws"),
    );
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .max_message_size(Some(target.limit))
        .max_frame_size(Some(target.limit));
    let io = connect(request.uri(), &target.tls).await?;
    let (mut socket, _) = client_async_with_config(request, io, Some(config))
        .await
        .map_err(|error| unavailable(&error))?;
    let init = serde_json::json!({"type": "connection_init", "payload": as_json(&target.headers)});
    socket
        .send(Message::text(init.to_string()))
        .await
        .map_err(|error| unavailable(&error))?;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Incoming<'_>>(&text) {
                Ok(Incoming {
                    kind: "connection_ack",
                    ..
                }) => return Ok(socket),
                Ok(Incoming {
                    kind: "ping" | "pong",
                    ..
                }) => {}
                _ => return Err(SubgraphError::InvalidResponse("no connection_ack".into())),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(other)) => {
                return Err(SubgraphError::Unavailable(format!(
                    "closed while opening: {other:?}"
                )));
            }
            Some(Err(error)) => return Err(unavailable(&error)),
            None => return Err(SubgraphError::Unavailable("closed while opening".into())),
        }
    }
}

#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(default)]
    id: Option<String>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

struct Task {
    name: String,
    socket: Socket,
    receiver: queue::Receiver<Command>,
    operations: HashMap<String, queue::Sender<Event>>,
}

impl Task {
    async fn run(mut self) {
        let mut ping = tokio::time::interval(PING);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut heard = tokio::time::Instant::now();
        let mut idle_since = Some(heard);
        let end = loop {
            let idle_end = idle_since.map(|since| since + IDLE);
            tokio::select! {
                command = self.receiver.recv() => match command {
                    Some(command) => {
                        if let Err(error) = self.command(command).await {
                            break error;
                        }
                    }
                    None => break "no longer used".to_owned(),
                },
                message = self.socket.next() => {
                    heard = tokio::time::Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Err(error) = self.incoming(&text).await {
                                break error;
                            }
                        }
                        Some(Ok(Message::Close(frame))) => {
                            break frame.map_or_else(String::new, |f| format!("{} {}", f.code, f.reason));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(error)) => break chain(&error),
                        None => break "the connection ended".to_owned(),
                    }
                }
                _ = ping.tick() => {
                    if heard.elapsed() > SILENCE {
                        break "nothing was heard for too long".to_owned();
                    }
                    if let Err(error) = self.send(r#"{"type":"ping"}"#.to_owned()).await {
                        break error;
                    }
                }
                () = until(idle_end) => break "idle".to_owned(),
            }
            idle_since = match (self.operations.is_empty(), idle_since) {
                (false, _) => None,
                (true, None) => Some(tokio::time::Instant::now()),
                (true, since) => since,
            };
        };
        self.close(end).await;
    }

    async fn close(mut self, why: String) {
        self.receiver.close();
        tracing::debug!(
            target: "atelier_router::fetch",
            subgraph = %self.name,
            reason = why,
            operations = self.operations.len(),
            "connection for events closed"
        );
        while let Some(command) = self.receiver.recv().await {
            if let Command::Subscribe { id, events, .. } = command {
                self.operations.insert(id, events);
            }
        }
        for (_, events) in self.operations.drain() {
            let _ = events.try_send(Err(SubgraphError::Unavailable(why.clone())));
        }
        let _ = tokio::time::timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }

    async fn send(&mut self, text: String) -> Result<(), String> {
        self.socket
            .send(Message::text(text))
            .await
            .map_err(|error| chain(&error))
    }

    async fn command(&mut self, command: Command) -> Result<(), String> {
        match command {
            Command::Subscribe {
                id,
                message,
                events,
            } => {
                self.operations.insert(id, events);
                self.send(message).await
            }
            Command::Complete(id) => match self.operations.remove(&id) {
                Some(_) => self.complete(&id).await,
                None => Ok(()),
            },
        }
    }

    async fn complete(&mut self, id: &str) -> Result<(), String> {
        self.send(serde_json::json!({"type": "complete", "id": id}).to_string())
            .await
    }

    async fn incoming(&mut self, text: &str) -> Result<(), String> {
        let Ok(message) = serde_json::from_str::<Incoming<'_>>(text) else {
            return Err("a message that is not graphql-transport-ws".into());
        };
        let payload = message
            .payload
            .map(|payload| payload.get())
            .unwrap_or("null");
        let id = message.id.unwrap_or_default();
        match message.kind {
            "next" => {
                let event = Bytes::copy_from_slice(payload.as_bytes());
                self.deliver(&id, Ok(SubgraphResponse::Json(event))).await
            }
            "error" => {
                // Its payload is a list of errors; as a response it has no data.
                let errors: Value = serde_json::from_str(payload).unwrap_or_default();
                let response = serde_json::json!({"errors": errors}).to_string();
                let sent = self
                    .deliver(&id, Ok(SubgraphResponse::Json(response.into())))
                    .await;
                self.operations.remove(&id);
                sent
            }
            "complete" => {
                self.operations.remove(&id);
                Ok(())
            }
            "ping" => self.send(r#"{"type":"pong"}"#.to_owned()).await,
            _ => Ok(()),
        }
    }

    /// Hands an event over. One slow reader must not hold up the others, so a
    /// full queue ends that operation; the place kept says that it did not complete.
    async fn deliver(&mut self, id: &str, event: Event) -> Result<(), String> {
        let Some(events) = self.operations.get(id) else {
            return Ok(());
        };
        if events.capacity() > 1 && events.try_send(event).is_ok() {
            return Ok(());
        }
        let what = "its events come faster than they are taken".to_owned();
        let _ = events.try_send(Err(SubgraphError::Unavailable(what)));
        self.operations.remove(id);
        self.complete(id).await
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
