//! One connection: a request goes out, an answer comes in.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Answer, Chunks, Framing, Head};

/// Bytes asked for at a time; most answers come in one read.
const READ: usize = 8 * 1024;
/// A head may not be longer.
const MAX_HEAD: usize = 64 * 1024;
/// Announced bodies are made room for at once up to this size, larger ones while they come.
const MAX_RESERVE: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum ExchangeError {
    /// The connection was closed before a byte of the answer came.
    #[error("{0}")]
    Closed(String),
    /// The connection broke in the middle of the answer.
    #[error("{0}")]
    Broken(String),
    /// The answer is not HTTP/1.
    #[error("{0}")]
    NotHttp(String),
    /// The answer is longer than allowed.
    #[error("{0}")]
    TooLarge(String),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    pub(super) async fn open(host: &str, port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: BytesMut::new(),
        })
    }

    /// False when the other side closed an idle connection, or spoke unasked.
    pub(super) fn is_open(&self) -> bool {
        let mut byte = [0];
        matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// True when nothing is left of the last answer.
    pub(super) fn is_clean(&self) -> bool {
        self.buffer.is_empty()
    }

    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), ExchangeError> {
        let sent = self.stream.write_all(message).await;
        sent.map_err(|error| ExchangeError::Closed(error.to_string()))
    }

    /// Reads one answer with a body of at most `limit` bytes.
    pub(super) async fn receive(&mut self, limit: usize) -> Result<Answer, ExchangeError> {
        let head = loop {
            if let Some(head) = Head::parse(&self.buffer)? {
                if head.is_interim() {
                    let _ = self.buffer.split_to(head.len);
                    continue;
                }
                break head;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(ExchangeError::NotHttp("its head is too long".into()));
            }
            if self.read(READ).await? == 0 {
                let what = "the connection was closed before an answer came".to_owned();
                return Err(match self.buffer.is_empty() {
                    true => ExchangeError::Closed(what),
                    false => ExchangeError::Broken(what),
                });
            }
        };
        let body = match head.framing {
            Framing::Length(length) => self.sized(head.len, length, limit).await?,
            Framing::Chunked => self.chunked(head.len, limit).await?,
            Framing::UntilClose => self.until_close(head.len, limit).await?,
        };
        Ok(head.answer(body))
    }

    async fn read(&mut self, room: usize) -> Result<usize, ExchangeError> {
        self.buffer.reserve(room);
        let read = self.stream.read_buf(&mut self.buffer).await;
        read.map_err(|error| match self.buffer.is_empty() {
            true => ExchangeError::Closed(error.to_string()),
            false => ExchangeError::Broken(error.to_string()),
        })
    }

    async fn read_more(&mut self, room: usize) -> Result<(), ExchangeError> {
        match self.read(room).await? {
            0 => Err(ExchangeError::Broken(
                "the connection was closed in the middle of the answer".into(),
            )),
            _ => Ok(()),
        }
    }

    async fn sized(
        &mut self,
        head: usize,
        length: usize,
        limit: usize,
    ) -> Result<Bytes, ExchangeError> {
        if length > limit {
            return Err(too_large(limit));
        }
        let whole = head + length;
        while self.buffer.len() < whole {
            let missing = whole - self.buffer.len();
            self.read_more(missing.clamp(1, MAX_RESERVE)).await?;
        }
        // The body stays where it was read to.
        let mut message = self.buffer.split_to(whole);
        let _ = message.split_to(head);
        Ok(message.freeze())
    }

    async fn chunked(&mut self, head: usize, limit: usize) -> Result<Bytes, ExchangeError> {
        let _ = self.buffer.split_to(head);
        let mut body = BytesMut::new();
        let mut chunks = Chunks::default();
        loop {
            let over = chunks.decode(&mut self.buffer, &mut body)?;
            if body.len() > limit {
                return Err(too_large(limit));
            }
            if over {
                return Ok(body.freeze());
            }
            self.read_more(READ).await?;
        }
    }

    async fn until_close(&mut self, head: usize, limit: usize) -> Result<Bytes, ExchangeError> {
        while self.read(READ).await? > 0 {
            if self.buffer.len() - head > limit {
                return Err(too_large(limit));
            }
        }
        let mut message = self.buffer.split();
        let _ = message.split_to(head);
        Ok(message.freeze())
    }
}

fn too_large(limit: usize) -> ExchangeError {
    ExchangeError::TooLarge(format!("it has more than {limit} bytes"))
}
