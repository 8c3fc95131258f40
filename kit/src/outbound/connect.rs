//! Connecting: the one place where names are resolved and addresses are checked.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::{OutboundConfig, error::Unconnected};

/// The most addresses of a name that are tried, one after another.
const TRIED: usize = 4;

/// Resolves names.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// Resolves a name to all its addresses.
    ///
    /// # Errors
    /// If the name does not exist, or could not be resolved.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A connector that checks every address before it connects.
#[derive(Clone)]
pub(super) struct Connector {
    pub config: Arc<OutboundConfig>,
    pub lookup: Arc<dyn Lookup>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default();
            let default = if uri.scheme_str() == Some("https") {
                443
            } else {
                80
            };
            let port = uri.port_u16().unwrap_or(default);
            let stream = open(
                &this.addresses(host).await?,
                port,
                this.config.connect_timeout,
            )
            .await?;
            Ok(TokioIo::new(stream))
        })
    }
}

impl Connector {
    /// Returns the addresses of a host, all of which are allowed.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unconnected> {
        let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
        let found = match unbracketed.parse() {
            Ok(literal) => vec![literal],
            Err(_) => {
                let found = self.lookup.lookup(host).await;
                found.map_err(|error| Unconnected::NotResolved(error.kind()))?
            }
        };
        if found.is_empty() {
            return Err(Unconnected::NotResolved(io::ErrorKind::NotFound));
        }
        // One address that is not public makes the whole name suspicious.
        if found.iter().all(|address| self.config.admits(*address)) {
            Ok(found)
        } else {
            Err(Unconnected::Refused)
        }
    }
}

async fn open(addresses: &[IpAddr], port: u16, timeout: Duration) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in addresses.iter().take(TRIED) {
        let connecting = TcpStream::connect(SocketAddr::new(*address, port));
        match tokio::time::timeout(timeout, connecting).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}
