//! An HTTP/1.1 client (RFC 9112) for the one thing a router does all day: a
//! POST with a known body over a kept connection, answered as a whole. Framing
//! is ours because a general client costs more than the rest of a request;
//! heads are parsed by `httparse`.

mod answer;
mod connection;
mod pool;

use std::io::Write as _;
use std::time::Duration;

use http::{HeaderName, Uri};

use self::connection::{Connection, ExchangeError};
use self::pool::Pool;
use super::{SubgraphError, SubgraphRequest};
use crate::config::is_own_header;
use crate::operation::Kind;

pub(super) use self::answer::Answer;

/// Connections idle for longer are not used again.
pub(super) const IDLE: Duration = Duration::from_secs(90);
/// Time to open a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// Requests to one `http` URL.
#[derive(Debug)]
pub(super) struct Http1 {
    host: String,
    port: u16,
    /// Request line and the headers that never change.
    head: Vec<u8>,
    pool: Pool,
    max_response_bytes: usize,
}

impl Http1 {
    /// A client for `uri`; `None` unless its scheme is `http`.
    pub(super) fn new(uri: &Uri, accept: &str, max_idle: usize, limit: usize) -> Option<Self> {
        if uri.scheme_str() != Some("http") {
            return None;
        }
        let authority = uri.authority()?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(80);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        // Credentials in a URL are no part of the Host header.
        let named = authority.as_str().rsplit('@').next().unwrap_or_default();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {named}\r\ncontent-type: application/json\r\naccept: {accept}\r\n"
        );
        Some(Self {
            host,
            port,
            head: head.into_bytes(),
            pool: Pool::new(max_idle),
            max_response_bytes: limit,
        })
    }

    /// Sends `request`. A kept connection may be closed by the other side just
    /// when it is used again; what changes nothing is then sent once more.
    pub(super) async fn send(&self, request: &SubgraphRequest) -> Result<Answer, SubgraphError> {
        let message = self.message(request);
        while let Some(mut kept) = self.pool.take(IDLE) {
            match self.exchange(&mut kept, &message).await {
                Ok(answer) => return Ok(self.done(kept, answer)),
                Err(ExchangeError::Closed(_)) if request.operation.kind() == Kind::Query => {}
                Err(error) => return Err(error.into()),
            }
        }
        let opened = Connection::open(&self.host, self.port);
        let mut fresh = match tokio::time::timeout(CONNECT, opened).await {
            Ok(opened) => opened.map_err(|error| SubgraphError::Unavailable(error.to_string()))?,
            Err(_) => {
                return Err(SubgraphError::Unavailable(
                    "connecting takes too long".into(),
                ));
            }
        };
        let answer = self.exchange(&mut fresh, &message).await?;
        Ok(self.done(fresh, answer))
    }

    async fn exchange(
        &self,
        connection: &mut Connection,
        message: &[u8],
    ) -> Result<Answer, ExchangeError> {
        connection.send(message).await?;
        connection.receive(self.max_response_bytes).await
    }

    fn done(&self, connection: Connection, answer: Answer) -> Answer {
        if answer.keep_alive && connection.is_clean() {
            self.pool.put(connection);
        }
        answer
    }

    /// Head and body in one piece, so that they leave in one packet.
    fn message(&self, request: &SubgraphRequest) -> Vec<u8> {
        let context = &request.context;
        let mut message = Vec::with_capacity(self.head.len() + request.body_len() + 256);
        message.extend_from_slice(&self.head);
        let given = context.headers.iter().chain(&context.caller.forward);
        for (name, value) in given {
            header_line(&mut message, name, value);
        }
        if let Some(propagate) = &context.propagate {
            let mut added = http::HeaderMap::new();
            (propagate.0)(&mut added);
            for (name, value) in &added {
                header_line(&mut message, name, value);
            }
        }
        if !context.request_id.is_empty()
            && context.request_id.bytes().all(|b| b.is_ascii_graphic())
        {
            message.extend_from_slice(b"x-request-id: ");
            message.extend_from_slice(context.request_id.as_bytes());
            message.extend_from_slice(b"\r\n");
        }
        // Writing to memory cannot fail.
        let _ = write!(message, "content-length: {}\r\n\r\n", request.body_len());
        request.write_body(&mut message);
        message
    }
}

fn header_line(message: &mut Vec<u8>, name: &HeaderName, value: &http::HeaderValue) {
    if is_own_header(name) {
        return;
    }
    message.extend_from_slice(name.as_str().as_bytes());
    message.extend_from_slice(b": ");
    message.extend_from_slice(value.as_bytes());
    message.extend_from_slice(b"\r\n");
}

impl From<ExchangeError> for SubgraphError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Closed(what) | ExchangeError::Broken(what) => Self::Unavailable(what),
            ExchangeError::NotHttp(what) | ExchangeError::TooLarge(what) => {
                Self::InvalidResponse(what)
            }
        }
    }
}

/// The media type without its parameters.
pub(super) fn is_json(content_type: &[u8]) -> bool {
    let kind = content_type.split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii();
    [
        &b"application/json"[..],
        b"application/graphql-response+json",
        b"text/json",
    ]
    .iter()
    .any(|known| kind.eq_ignore_ascii_case(known))
}
