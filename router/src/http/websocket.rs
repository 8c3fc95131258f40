//! WebSockets: the upgrade, and the two halves of an open socket.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use http::header::UPGRADE;
use tokio::sync::oneshot;

use super::caller::own;
use super::graphql::refused;
use super::observe::request_id;
use super::websocket_session::{Close, Session};
use super::ws_protocol::Protocol;
use crate::queue;
use crate::quota::{Budget, Charge};
use crate::router::Router;

/// Bytes read at a time: what clients send is short, and each socket keeps this much.
const READ: usize = 4 * 1024;
/// Messages waiting for the socket; operations have queues of their own.
const OUTGOING: usize = 16;
/// Time a client gets to take the closing message.
const CLOSING: Duration = Duration::from_secs(2);
/// Time a client that reads too slowly gets, before that, to read what lies before the
/// messages that say how it continues: the buffers of a connection hold megabytes.
const FALLEN_BEHIND: Duration = Duration::from_secs(30);

pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// A message on its way to the client, counted until the socket has taken it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) text: String,
    pub(super) charge: Option<Charge>,
}

impl Outgoing {
    pub(super) fn counted(text: String, budget: &Budget) -> Self {
        let charge = Some(budget.charge(text.len()));
        Self { text, charge }
    }
}

impl From<String> for Outgoing {
    fn from(text: String) -> Self {
        Self { text, charge: None }
    }
}

/// Answers the upgrade and runs the session on a task of its own.
pub(super) fn upgrade(
    router: Arc<Router>,
    upgrade: WebSocketUpgrade,
    headers: HeaderMap,
    address: Option<IpAddr>,
) -> Response {
    let permit = match router.quotas().socket(address) {
        Ok(permit) => permit,
        Err(full) => return refused(full),
    };
    let limit = router.config().limits.max_body_bytes;
    let headers = own(&headers);
    upgrade
        .protocols(Protocol::NAMES.map(Cow::Borrowed))
        .read_buffer_size(READ)
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| async move {
            serve(router, socket, headers, address).await;
            drop(permit);
        })
}

async fn serve(
    router: Arc<Router>,
    mut socket: WebSocket,
    headers: HeaderMap,
    address: Option<IpAddr>,
) {
    let name = socket.protocol().and_then(|name| name.to_str().ok());
    let Some(protocol) = name.and_then(Protocol::named) else {
        let frame = Close::new(4406, "Subprotocol not acceptable").into_frame();
        let _ = socket.send(Message::Close(Some(frame))).await;
        return;
    };
    metrics::gauge!("graphql_websockets_open").increment(1.0);
    let (sink, mut stream) = socket.split();
    let (outgoing, messages) = queue::bounded(OUTGOING);
    let (close, closing) = oneshot::channel();
    let writer = tokio::spawn(write(sink, messages, closing));
    let id = request_id(&headers);
    let draining = router.draining().clone();
    let mut session = Session::new(router, protocol, headers, address, id, outgoing);
    let end = session.run(&mut stream).await;
    drop(session);
    let told = end.as_ref().is_some_and(|end| !end.farewell.is_empty());
    let _ = close.send(end);
    let mut writer = writer;
    let patience = async {
        if told {
            let _ = tokio::time::timeout(FALLEN_BEHIND, draining.cancelled()).await;
        }
        tokio::time::sleep(CLOSING).await;
    };
    tokio::select! {
        biased;
        _ = &mut writer => {}
        () = patience => writer.abort(),
    }
    metrics::gauge!("graphql_websockets_open").decrement(1.0);
}

/// Sends what comes, until it is told how to close.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    mut messages: queue::Receiver<Outgoing>,
    mut closing: oneshot::Receiver<Option<Close>>,
) {
    let end = loop {
        tokio::select! {
            biased;
            end = &mut closing => break end.ok().flatten(),
            message = messages.recv() => match message {
                Some(Outgoing { text, charge }) => {
                    let sent = sink.send(Message::Text(text.into())).await;
                    drop(charge);
                    if sent.is_err() {
                        return;
                    }
                }
                None => break (&mut closing).await.ok().flatten(),
            },
        }
    };
    if let Some(mut close) = end {
        // What operations had handed over comes first.
        while let Some(message) = messages.try_recv() {
            let _ = sink.feed(Message::Text(message.text.into())).await;
        }
        for text in close.farewell.drain(..) {
            let _ = sink.feed(Message::Text(text.into())).await;
        }
        let _ = sink.send(Message::Close(Some(close.into_frame()))).await;
    }
    let _ = sink.close().await;
}

impl Close {
    fn into_frame(self) -> CloseFrame {
        CloseFrame {
            code: self.code,
            reason: self.reason.into(),
        }
    }
}
