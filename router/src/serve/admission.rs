//! Limits the number of connections. Refused clients are told why, as far as that is cheap.

use std::io::Write;
use std::net::{IpAddr, Shutdown};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::config::Connections;
use crate::error::code;
use crate::quota::{Full, Most, Network, Permit, Quota};

/// The connections of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    quota: Arc<Quota>,
    /// Whether peer addresses are those of clients, not of a proxy.
    by_address: bool,
}

impl Admission {
    pub(crate) fn new(config: &Connections, by_address: bool) -> Self {
        let quota = Quota::new(Most {
            in_all: config.max,
            per_address: config.max_per_address,
            per_person: usize::MAX,
        });
        Self { quota, by_address }
    }

    pub(crate) fn enter(&self, address: IpAddr) -> Result<Permit, Full> {
        let network = self.by_address.then(|| Network::of(address));
        self.quota.take(network, None)
    }

    pub(crate) fn is_pressed(&self) -> bool {
        self.quota.is_pressed()
    }
}

/// Refused connections that are read from, so that their clients see the answer.
const LINGERING: usize = 64;
/// Bytes that such a client may still send.
const LINGER_BYTES: usize = 64 * 1024;
/// How long such a connection stays open.
const LINGER: Duration = Duration::from_secs(1);

static LINGERERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(LINGERING)));

/// Refuses a connection: answers whatever its client asks with an error, and closes it.
pub(crate) fn refuse(stream: std::net::TcpStream, full: Full) {
    metrics::counter!("http_connections_refused_total").increment(1);
    let (status, code, message) = match full {
        Full::InAll => (
            "503 Service Unavailable",
            code::OVERLOADED,
            "The server has too many connections; try again later.",
        ),
        Full::Holder => (
            "429 Too Many Requests",
            code::RATE_LIMITED,
            "There are too many connections from your address.",
        ),
    };
    let body = serde_json::json!({
        "errors": [{"message": message, "extensions": {"code": code}}]
    })
    .to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 5\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    // Clients do not accept an answer that arrives before their request, and closing a
    // connection with unread bytes resets it. So the request is read first, for a limited
    // number of connections.
    let Ok(permit) = Arc::clone(&LINGERERS).try_acquire_owned() else {
        let _ = write_refusal(&stream, &answer);
        return;
    };
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LINGER, refuse_after_request(stream, &answer)).await;
        drop(permit);
    });
}

/// Does not block: the answer fits into the send buffer of a new connection.
fn write_refusal(mut stream: &std::net::TcpStream, answer: &str) -> std::io::Result<()> {
    stream.write_all(answer.as_bytes())?;
    stream.shutdown(Shutdown::Write)
}

async fn refuse_after_request(stream: std::net::TcpStream, answer: &str) -> std::io::Result<()> {
    let writer = stream.try_clone()?;
    let stream = TcpStream::from_std(stream)?;
    let (mut buffer, mut total) = ([0; 4096], 0);
    while total < LINGER_BYTES {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(bytes) => {
                if total == 0 {
                    write_refusal(&writer, answer)?;
                }
                total += bytes;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
