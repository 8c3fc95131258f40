//! Events of a subgraph by graphql-sse, one request per operation.

use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::Uri;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::http::{HttpClient, chain, post};
use super::{SubgraphError, SubgraphRequest, SubgraphResponse};

type Event = Result<SubgraphResponse, SubgraphError>;

/// Starts a subscription.
pub(super) async fn subscribe(
    client: &HttpClient,
    uri: &Uri,
    request: &SubgraphRequest,
    limit: usize,
) -> Result<BoxStream<'static, Event>, SubgraphError> {
    let call = post(uri, request, "text/event-stream")?;
    let response = client
        .request(call)
        .await
        .map_err(|error| SubgraphError::Unavailable(chain(&error)))?;
    let kind = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    if !response.status().is_success() || !kind.is_some_and(|k| k.starts_with("text/event-stream"))
    {
        let what = format!("status {} without an event stream", response.status());
        return Err(SubgraphError::InvalidResponse(what));
    }
    let reader = Reader {
        body: response.into_body(),
        buffer: BytesMut::new(),
        limit,
        over: false,
    };
    Ok(futures::stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((event, reader))
    })
    .boxed())
}

struct Reader {
    body: Incoming,
    buffer: BytesMut,
    limit: usize,
    over: bool,
}

impl Reader {
    /// The next answer; nothing after `complete`.
    async fn next(&mut self) -> Option<Event> {
        while !self.over {
            if let Some(block) = take_block(&mut self.buffer) {
                match parse(&block) {
                    Message::Next(data) => return Some(Ok(SubgraphResponse::Json(data))),
                    Message::Complete => self.over = true,
                    Message::Other => {}
                }
                continue;
            }
            if self.buffer.len() > self.limit {
                return self.fail(SubgraphError::InvalidResponse(
                    "an event is too large".into(),
                ));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return self.fail(SubgraphError::Unavailable(chain(&error))),
                None => {
                    let what = "the event stream ended without completing".to_owned();
                    return self.fail(SubgraphError::Unavailable(what));
                }
            }
        }
        None
    }

    fn fail(&mut self, error: SubgraphError) -> Option<Event> {
        self.over = true;
        Some(Err(error))
    }
}

enum Message {
    Next(Bytes),
    Complete,
    Other,
}

/// Bytes up to an empty line, without it.
fn take_block(buffer: &mut BytesMut) -> Option<Bytes> {
    let mut at = 0;
    while at < buffer.len() {
        let rest = &buffer[at..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let next = &rest[end + 1..];
        let gap = if next.starts_with(b"\n") {
            1
        } else if next.starts_with(b"\r\n") {
            2
        } else {
            at += end + 1;
            continue;
        };
        let block = buffer.split_to(at + end).freeze();
        buffer.advance(1 + gap);
        return Some(block);
    }
    None
}

fn parse(block: &[u8]) -> Message {
    let mut event: &[u8] = b"";
    let mut data: Vec<u8> = Vec::new();
    let mut has_data = false;
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let value = &line[colon + 1..];
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"event" => event = value,
            b"data" => {
                if has_data {
                    data.push(b'\n');
                }
                has_data = true;
                data.extend_from_slice(value);
            }
            _ => {}
        }
    }
    match event {
        b"next" if !data.is_empty() => Message::Next(data.into()),
        b"complete" => Message::Complete,
        _ => Message::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_split_at_empty_lines_of_either_kind() {
        let mut buffer =
            BytesMut::from("event: next\ndata: {\"a\":\ndata: 1}\n\nevent: complete\r\n\r\nrest");
        let Message::Next(data) = parse(&take_block(&mut buffer).unwrap()) else {
            panic!("no event")
        };
        assert_eq!(data, "{\"a\":\n1}");
        assert!(matches!(
            parse(&take_block(&mut buffer).unwrap()),
            Message::Complete
        ));
        assert!(take_block(&mut buffer).is_none());
        assert_eq!(&buffer[..], b"rest");
    }
}
