//! What comes back: the head, how the body is framed (RFC 9112, section 6), chunks.

use bytes::{Buf, Bytes, BytesMut};

use super::connection::ExchangeError;

/// More headers than this are refused.
const MAX_HEADERS: usize = 100;
/// A chunk's size line with its extensions, or a trailer line, may not be longer.
const MAX_LINE: usize = 4096;

/// A whole answer.
#[derive(Debug)]
pub(in crate::subgraph) struct Answer {
    pub(in crate::subgraph) status: u16,
    /// Value of `content-type`.
    pub(in crate::subgraph) content_type: Option<Vec<u8>>,
    pub(in crate::subgraph) body: Bytes,
    pub(super) keep_alive: bool,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    /// Its length in bytes.
    pub(super) len: usize,
    pub(super) framing: Framing,
    status: u16,
    content_type: Option<Vec<u8>>,
    keep_alive: bool,
}

impl Head {
    /// Reads a head from the start of `bytes`; `None` while it is incomplete.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, ExchangeError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(not_http(format!("its head is not HTTP: {error}"))),
        };
        let status = response.code.unwrap_or_default();
        let mut length = None;
        let mut chunked = false;
        let mut content_type = None;
        // HTTP/1.0 closes unless it says otherwise.
        let mut keep_alive = response.version == Some(1);
        for header in response.headers.iter() {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                let announced = parse_length(header.value)?;
                if length.is_some_and(|known| known != announced) {
                    return Err(not_http("it announces two lengths".into()));
                }
                length = Some(announced);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(not_http("it has an unknown transfer encoding".into()));
                }
                chunked = true;
            } else if name.eq_ignore_ascii_case("content-type") {
                content_type = Some(header.value.to_vec());
            } else if name.eq_ignore_ascii_case("connection") {
                keep_alive = keeps(header.value, keep_alive);
            } else if name.eq_ignore_ascii_case("content-encoding")
                && !header.value.trim_ascii().eq_ignore_ascii_case(b"identity")
            {
                return Err(not_http("it is compressed, which was not asked for".into()));
            }
        }
        let framing = match (chunked, length) {
            _ if matches!(status, 100..=199 | 204 | 304) => Framing::Length(0),
            // Both together is how answers are smuggled.
            (true, Some(_)) => return Err(not_http("it has a length and chunks".into())),
            (true, None) => Framing::Chunked,
            (false, Some(length)) => Framing::Length(length),
            (false, None) => Framing::UntilClose,
        };
        Ok(Some(Self {
            len,
            framing,
            status,
            content_type,
            keep_alive: keep_alive && framing != Framing::UntilClose,
        }))
    }

    /// True for 1xx, after which the answer itself comes.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status)
    }

    pub(super) fn answer(self, body: Bytes) -> Answer {
        Answer {
            status: self.status,
            content_type: self.content_type,
            body,
            keep_alive: self.keep_alive,
        }
    }
}

fn not_http(what: String) -> ExchangeError {
    ExchangeError::NotHttp(what)
}

fn parse_length(value: &[u8]) -> Result<usize, ExchangeError> {
    let digits = value.trim_ascii();
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)
        .and_then(|digits| digits.parse().ok());
    length.ok_or_else(|| not_http("its length is not a number".into()))
}

fn keeps(value: &[u8], before: bool) -> bool {
    let mut keep = before;
    for token in value.split(|byte| *byte == b',') {
        let token = token.trim_ascii();
        if token.eq_ignore_ascii_case(b"close") {
            return false;
        }
        keep |= token.eq_ignore_ascii_case(b"keep-alive");
    }
    keep
}

/// Decodes a chunked body (RFC 9112, section 7.1) as it arrives.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Size,
    Data(usize),
    DataEnd,
    Trailers,
}

impl Chunks {
    /// Moves what has arrived from `input` to `body`; true after the last chunk.
    pub(super) fn decode(
        &mut self,
        input: &mut BytesMut,
        body: &mut BytesMut,
    ) -> Result<bool, ExchangeError> {
        loop {
            match self.state {
                State::Size => {
                    let Some(line) = line(input)? else {
                        return Ok(false);
                    };
                    let size = chunk_size(&line)?;
                    self.state = match size {
                        0 => State::Trailers,
                        size => State::Data(size),
                    };
                }
                State::Data(left) => {
                    if input.is_empty() {
                        return Ok(false);
                    }
                    let now = left.min(input.len());
                    body.extend_from_slice(&input[..now]);
                    input.advance(now);
                    self.state = match left - now {
                        0 => State::DataEnd,
                        left => State::Data(left),
                    };
                }
                State::DataEnd => match line(input)? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => self.state = State::Size,
                    Some(_) => return Err(not_http("a chunk is longer than it says".into())),
                },
                State::Trailers => match line(input)? {
                    None => return Ok(false),
                    Some(line) if line.is_empty() => return Ok(true),
                    Some(_) => {}
                },
            }
        }
    }
}

/// Takes a line without its end; `None` while it is incomplete.
fn line(input: &mut BytesMut) -> Result<Option<BytesMut>, ExchangeError> {
    let Some(end) = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
        return match input.len() >= MAX_LINE {
            true => Err(not_http("a line between chunks is too long".into())),
            false => Ok(None),
        };
    };
    let mut line = input.split_to(end + 1);
    line.truncate(end);
    match line.last() {
        Some(b'\r') => line.truncate(end - 1),
        _ => return Err(not_http("a line between chunks ends wrongly".into())),
    }
    Ok(Some(line))
}

fn chunk_size(line: &[u8]) -> Result<usize, ExchangeError> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = digits.trim_ascii();
    let plain = !digits.is_empty() && digits.len() <= 8 && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)
        .and_then(|digits| usize::from_str_radix(digits, 16).ok());
    size.ok_or_else(|| not_http("a chunk has no size".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<Head>, ExchangeError> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn bodies_are_framed_as_the_head_says() {
        let framing = |headers: &str| {
            let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            head(&text).unwrap().unwrap().framing
        };
        assert_eq!(framing("Content-Length: 12\r\n"), Framing::Length(12));
        assert_eq!(framing("Transfer-Encoding: Chunked\r\n"), Framing::Chunked);
        assert_eq!(framing("x: y\r\n"), Framing::UntilClose);
        let empty = head("HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!(empty.framing, Framing::Length(0));
        assert!(head("HTTP/1.1 200 OK\r\ncontent-le").unwrap().is_none());
    }

    #[test]
    fn heads_that_can_be_read_in_two_ways_are_refused() {
        for headers in [
            "content-length: 1\r\ncontent-length: 2\r\n",
            "content-length: +1\r\n",
            "content-length: 1\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "content-encoding: gzip\r\n",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
            assert!(head(&text).is_err(), "{headers}");
        }
    }

    #[test]
    fn connections_are_kept_only_when_both_sides_mean_it() {
        let keep = |text: &str| head(text).unwrap().unwrap().keep_alive;
        assert!(keep("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(!keep(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: x, Close\r\n\r\n"
        ));
        assert!(!keep("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert!(keep(
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n"
        ));
        assert!(!keep("HTTP/1.1 200 OK\r\n\r\n"));
    }

    #[test]
    fn chunks_may_arrive_in_pieces_of_any_size() {
        let text = b"4\r\nWiki\r\n6;name=value\r\npedia \r\n0\r\ntrailer: x\r\n\r\n";
        for piece in 1..text.len() {
            let (mut chunks, mut input, mut body) =
                (Chunks::default(), BytesMut::new(), BytesMut::new());
            let mut over = false;
            for part in text.chunks(piece) {
                assert!(!over);
                input.extend_from_slice(part);
                over = chunks.decode(&mut input, &mut body).unwrap();
            }
            assert!(over && input.is_empty());
            assert_eq!(&body[..], b"Wikipedia ");
        }
    }

    #[test]
    fn chunks_that_are_none_are_refused() {
        for text in [
            "x\r\n",
            "\r\n",
            "1\r\nab\r\n",
            "1\nab",
            "fffffffff\r\n",
            "-1\r\n",
        ] {
            let mut input = BytesMut::from(text);
            let decoded = Chunks::default().decode(&mut input, &mut BytesMut::new());
            assert!(decoded.is_err(), "{text:?}");
        }
    }
}
