//! Events of a subgraph as `multipart/mixed` (subscriptionSpec 1.0), one request
//! per operation.

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::Uri;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::http::{HttpClient, chain, post};
use super::{SubgraphError, SubgraphRequest, SubgraphResponse};
use crate::json::scan::{Scanner, find};

type Event = Result<SubgraphResponse, SubgraphError>;

const ACCEPTED: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=\"1.0\", application/graphql-response+json, application/json";

/// Starts a subscription.
pub(super) async fn subscribe(
    client: &HttpClient,
    uri: &Uri,
    request: &SubgraphRequest,
    limit: usize,
) -> Result<BoxStream<'static, Event>, SubgraphError> {
    let call = post(uri, request, ACCEPTED)?;
    let response = client
        .request(call)
        .await
        .map_err(|error| SubgraphError::Unavailable(chain(&error)))?;
    let kind = response.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
    let parts = match boundary(kind) {
        Some(boundary) => Parts::new(&boundary, limit),
        // A refused subscription is one answer.
        None if kind.contains("json") => Parts::single(limit),
        None => {
            let what = format!("status {} without parts", response.status());
            return Err(match response.status().is_server_error() {
                true => SubgraphError::Unavailable(what),
                false => SubgraphError::InvalidResponse(what),
            });
        }
    };
    let reader = Reader {
        body: response.into_body(),
        parts,
    };
    Ok(futures::stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((event, reader))
    })
    .boxed())
}

/// The boundary of a `multipart/mixed` body.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    if !kind.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let given = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("boundary") && !value.is_empty())
            .then(|| value.to_owned())
    });
    Some(given.unwrap_or_else(|| "-".to_owned()))
}

struct Reader {
    body: Incoming,
    parts: Parts,
}

impl Reader {
    async fn next(&mut self) -> Option<Event> {
        loop {
            match self.parts.next() {
                Ok(Some(data)) => return Some(Ok(SubgraphResponse::Json(data))),
                Ok(None) if self.parts.state == State::Over => return None,
                Ok(None) => {}
                Err(what) => return self.fail(SubgraphError::InvalidResponse(what.into())),
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.parts.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return self.fail(SubgraphError::Unavailable(chain(&error))),
                None => match self.parts.last() {
                    Some(data) => return Some(Ok(SubgraphResponse::Json(data))),
                    None if self.parts.state == State::Over => return None,
                    None => {
                        let what = "the parts ended without the last delimiter".to_owned();
                        return self.fail(SubgraphError::Unavailable(what));
                    }
                },
            }
        }
    }

    fn fail(&mut self, error: SubgraphError) -> Option<Event> {
        if self.parts.state == State::Over {
            return None;
        }
        self.parts.state = State::Over;
        Some(Err(error))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Looking for a delimiter.
    Delimiter,
    /// In the head of a part.
    Head,
    /// In its body, one JSON object.
    Body,
    /// The whole body is one answer.
    Single,
    Over,
}

/// Cuts a body into answers.
struct Parts {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    buffer: BytesMut,
    limit: usize,
    state: State,
}

impl Parts {
    fn new(boundary: &str, limit: usize) -> Self {
        Self {
            delimiter: format!("--{boundary}").into_bytes(),
            buffer: BytesMut::new(),
            limit,
            state: State::Delimiter,
        }
    }

    fn single(limit: usize) -> Self {
        Self {
            state: State::Single,
            ..Self::new("", limit)
        }
    }

    /// The next answer in what has come so far.
    fn next(&mut self) -> Result<Option<Bytes>, &'static str> {
        loop {
            if self.buffer.len() > self.limit {
                return Err("a part is too large");
            }
            match self.state {
                State::Over | State::Single => return Ok(None),
                State::Delimiter => {
                    let Some(at) = position(&self.buffer, &self.delimiter) else {
                        return Ok(None);
                    };
                    let end = at + self.delimiter.len();
                    let Some(after) = self.buffer.get(end..end + 2) else {
                        return Ok(None);
                    };
                    let last = after == b"--";
                    self.buffer.advance(end);
                    self.state = if last { State::Over } else { State::Head };
                }
                State::Head => {
                    let crlf = position(&self.buffer, b"\r\n\r\n").map(|at| at + 4);
                    let Some(end) = crlf.or_else(|| Some(position(&self.buffer, b"\n\n")? + 2))
                    else {
                        return Ok(None);
                    };
                    self.buffer.advance(end);
                    self.state = State::Body;
                }
                // A part is read as soon as its object is complete: the delimiter
                // behind it may only come with the next one.
                State::Body => {
                    let Ok(range) = Scanner::new(&self.buffer).value() else {
                        // A line break cannot be inside of a string.
                        let end = [b"\n", &*self.delimiter].concat();
                        return match position(&self.buffer, &end).is_some() {
                            true => Err("a part is not JSON"),
                            false => Ok(None),
                        };
                    };
                    let part = self
                        .buffer
                        .split_to(range.end)
                        .freeze()
                        .slice(range.start..);
                    self.state = State::Delimiter;
                    if let Some(answer) = self.answer(&part) {
                        return Ok(Some(answer));
                    }
                }
            }
        }
    }

    /// The answer that the end of the body completes.
    fn last(&mut self) -> Option<Bytes> {
        if self.state != State::Single {
            return None;
        }
        self.state = State::Over;
        Some(self.buffer.split().freeze())
    }

    /// What a part says; nothing when it is a heartbeat.
    fn answer(&mut self, part: &Bytes) -> Option<Bytes> {
        let field = |name: &[u8]| find(Scanner::new(part), std::iter::once(name));
        let payload = field(b"payload").map(|range| part.slice(range));
        if let Some(payload) = payload.filter(|payload| **payload != *b"null") {
            return Some(payload);
        }
        // Errors beside the payload end the subscription.
        let errors: Value = serde_json::from_slice(&part[field(b"errors")?]).ok()?;
        self.state = State::Over;
        Some(serde_json::json!({"errors": errors}).to_string().into())
    }
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `body` in pieces of `size` bytes.
    fn read(body: &str, size: usize) -> (Vec<String>, State) {
        let mut parts = Parts::new("graphql", 1000);
        let mut found = Vec::new();
        for piece in body.as_bytes().chunks(size) {
            parts.buffer.extend_from_slice(piece);
            while let Some(answer) = parts.next().unwrap() {
                found.push(String::from_utf8(answer.to_vec()).unwrap());
            }
        }
        (found, parts.state)
    }

    #[test]
    fn parts_are_read_however_they_are_cut() {
        let body = "preamble\r\n--graphql\r\ncontent-type: application/json\r\n\r\n\
            {\"payload\":{\"data\":{\"a\":1}}}\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{}\
            \r\n--graphql\n\n {\"payload\": {\"data\":{\"a\":\"--graphql\"}} }\r\n--graphql--\r\n";
        for size in [1, 2, 7, 1000] {
            let (found, state) = read(body, size);
            assert_eq!(
                found,
                ["{\"data\":{\"a\":1}}", "{\"data\":{\"a\":\"--graphql\"}}"],
                "{size}"
            );
            assert_eq!(state, State::Over);
        }
    }

    #[test]
    fn a_part_is_read_before_its_delimiter_comes() {
        let (found, state) = read("--graphql\r\n\r\n{\"payload\":{\"data\":null}}", 1000);
        assert_eq!(found, ["{\"data\":null}"]);
        assert_eq!(state, State::Delimiter);
    }

    #[test]
    fn errors_beside_the_payload_are_the_last_answer() {
        let body =
            "--graphql\r\n\r\n{\"payload\":null,\"errors\":[{\"message\":\"no\"}]}\r\n--graphql--";
        let (found, state) = read(body, 1000);
        assert_eq!(found, ["{\"errors\":[{\"message\":\"no\"}]}"]);
        assert_eq!(state, State::Over);
    }

    #[test]
    fn boundaries_are_read_with_and_without_quotes() {
        assert_eq!(
            boundary("multipart/mixed; boundary=\"a\"; x=1").unwrap(),
            "a"
        );
        assert_eq!(boundary("Multipart/Mixed;boundary=b").unwrap(), "b");
        assert_eq!(boundary("multipart/mixed").unwrap(), "-");
        assert_eq!(boundary("application/json"), None);
    }
}
