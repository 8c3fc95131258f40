//! HTTP by hand: what no client library would send.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::target::{Target, in_time};

/// Silence after which no more is expected.
const SILENCE: Duration = Duration::from_millis(400);

/// What came back on a connection: the status of each answer, in order, and all of the bytes.
#[derive(Debug, Clone)]
pub struct Answers {
    pub statuses: Vec<u16>,
    pub text: String,
}

/// A connection from an address of this machine, so that limits of one address can be told from
/// those of all.
pub async fn connect_from(target: &Target, ip: &str) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(ip.parse().expect("an address"), 0))?;
    socket.connect(target.address).await
}

/// Sends bytes and reads what comes back. Where nothing does, the other side waits for more; then
/// it is told that no more will come.
pub async fn exchange(target: &Target, bytes: &[u8]) -> Answers {
    let mut stream = TcpStream::connect(target.address)
        .await
        .expect("a connection");
    // Whoever refuses early may close while this is still being sent.
    let _ = stream.write_all(bytes).await;
    let mut read = Vec::new();
    in_time("an answer or an end", async {
        if !heard(&mut stream, &mut read).await {
            let _ = stream.shutdown().await;
            while heard(&mut stream, &mut read).await {}
        }
    })
    .await;
    Answers::of(&read)
}

/// Reads until the other side closes, or until it is silent for a moment; whether anything came.
async fn heard(stream: &mut TcpStream, into: &mut Vec<u8>) -> bool {
    let before = into.len();
    let mut chunk = [0; 16 * 1024];
    while let Ok(Ok(length @ 1..)) = tokio::time::timeout(SILENCE, stream.read(&mut chunk)).await {
        into.extend_from_slice(&chunk[..length]);
    }
    into.len() > before
}

impl Answers {
    /// Reads the answers in what came back.
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let statuses = text
            .match_indices("HTTP/1.1 ")
            .filter_map(|(at, mark)| text.get(at + mark.len()..at + mark.len() + 3)?.parse().ok())
            .collect();
        Self { statuses, text }
    }
}

/// A request for `body` with more lines in its head.
pub fn post(more: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{more}\r\n{body}").into_bytes()
}
