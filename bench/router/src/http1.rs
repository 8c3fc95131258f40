//! HTTP/1.1 as far as this benchmark needs it: whole messages on one
//! connection, as few instructions as possible. Not for untrusted peers.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A head larger than this is an error.
const MAX_HEAD: usize = 64 * 1024;
/// A body larger than this is an error.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// A connection from which whole messages are read.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where a message lies in the buffer of its connection.
#[derive(Debug)]
pub struct Message {
    head: usize,
    body: Body,
    end: usize,
}

#[derive(Debug)]
enum Body {
    Plain(Range<usize>),
    /// Sent in chunks, put together again.
    Joined(Vec<u8>),
}

fn invalid(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

impl Connection {
    /// Wraps a stream and switches Nagle's algorithm off.
    ///
    /// # Errors
    /// When the socket refuses the option.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(8 * 1024),
        })
    }

    /// The next message, or none when the peer closed between messages.
    ///
    /// # Errors
    /// On a broken connection or something that is no message.
    pub async fn next(&mut self) -> io::Result<Option<Message>> {
        let mut searched = 0;
        let head = loop {
            if let Some(end) = find(&self.buffer[searched..], b"\r\n\r\n") {
                break searched + end + 4;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(invalid("a head without end"));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        };
        if let Some(length) = content_length(&self.buffer[..head])? {
            let end = head + length;
            self.buffer.reserve(end.saturating_sub(self.buffer.len()));
            while self.buffer.len() < end {
                self.fill_some().await?;
            }
            let body = Body::Plain(head..end);
            return Ok(Some(Message { head, body, end }));
        }
        if header(&self.buffer[..head], b"transfer-encoding").is_some() {
            let (body, end) = self.chunks(head).await?;
            let body = Body::Joined(body);
            return Ok(Some(Message { head, body, end }));
        }
        let body = Body::Plain(head..head);
        let end = head;
        Ok(Some(Message { head, body, end }))
    }

    async fn chunks(&mut self, mut at: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer[at..], b"\r\n") {
                    break at + end;
                }
                self.fill_some().await?;
            };
            let size = std::str::from_utf8(&self.buffer[at..line])
                .ok()
                .and_then(|size| usize::from_str_radix(size.trim(), 16).ok())
                .filter(|size| body.len() + size <= MAX_BODY)
                .ok_or_else(|| invalid("a chunk without size"))?;
            let end = line + 2 + size + 2;
            while self.buffer.len() < end {
                self.fill_some().await?;
            }
            if size == 0 {
                return Ok((body, end));
            }
            body.extend_from_slice(&self.buffer[line + 2..line + 2 + size]);
            at = end;
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(4 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }

    async fn fill_some(&mut self) -> io::Result<()> {
        match self.fill().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The start line and the headers.
    pub fn head<'a>(&'a self, message: &Message) -> &'a [u8] {
        &self.buffer[..message.head]
    }

    /// The body.
    pub fn body<'a>(&'a self, message: &'a Message) -> &'a [u8] {
        match &message.body {
            Body::Plain(range) => &self.buffer[range.clone()],
            Body::Joined(body) => body,
        }
    }

    /// Forgets a message, so that the next one can be read.
    pub fn consume(&mut self, message: Message) {
        if message.end == self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..message.end);
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// On a broken connection.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }
}

/// A POST of JSON.
pub fn post(host: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         accept: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// A successful answer of JSON.
pub fn ok(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Whether an answer's head says 200.
pub fn is_ok(head: &[u8]) -> bool {
    head.get(8..13) == Some(b" 200 ")
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The value of a header, by its name in lower case.
fn header<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, rest) = line.split_at_checked(name.len())?;
        let value = rest.strip_prefix(b":")?;
        start.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn content_length(head: &[u8]) -> io::Result<Option<usize>> {
    let Some(value) = header(head, b"content-length") else {
        return Ok(None);
    };
    std::str::from_utf8(value)
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .filter(|length| *length <= MAX_BODY)
        .map(Some)
        .ok_or_else(|| invalid("no usable content-length"))
}
