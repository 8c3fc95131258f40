//! Listening: TCP settings, the client's address, and an orderly end.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    Router,
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderValue},
    middleware::{self, Next},
    response::Response,
    serve::ListenerExt,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::identity::CLIENT_IP;

/// How long connections may take to finish once the end is near.
const GRACE: Duration = Duration::from_secs(20);

/// Opens a port.
///
/// # Errors
/// Says what to do when the port is taken.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|cause| match cause.kind() {
        std::io::ErrorKind::AddrInUse => anyhow::anyhow!(
            "port {} is taken by another program. Stop that program, or choose another port with: --listen {}:PORT",
            address.port(),
            address.ip()
        ),
        std::io::ErrorKind::PermissionDenied => {
            anyhow::anyhow!("port {} may only be opened by root. Choose one above 1023 with: --listen {}:PORT", address.port(), address.ip())
        }
        _ => anyhow::Error::new(cause).context(format!("cannot listen on {address}")),
    })
}

/// Serves `app` until `stop`, then lets requests under way finish, for 20 seconds at most.
///
/// # Errors
/// If the listener breaks.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    trusted_proxies: usize,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let app = app.layer(middleware::from_fn(move |request, next| {
        noted(trusted_proxies, request, next)
    }));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stopping = stop.clone();
    let serving = axum::serve(
        listener,
        app.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move { stopping.cancelled().await });
    tokio::select! {
        served = serving.into_future() => served.context("the listener broke"),
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => Ok(()),
    }
}

/// Notes the client's address where the rest of the process looks for it, and lets no client say it
/// themselves: behind `trusted` proxies it is the entry that the outermost of them added.
pub fn note_client(headers: &mut HeaderMap, peer: SocketAddr, trusted: usize) {
    let forwarded = (trusted > 0)
        .then(|| forwarded_for(headers, trusted))
        .flatten();
    headers.remove(CLIENT_IP);
    let ip = forwarded.unwrap_or_else(|| peer.ip().to_string());
    if let Ok(value) = HeaderValue::from_str(&ip) {
        headers.insert(CLIENT_IP, value);
    }
}

async fn noted(trusted: usize, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    if let Some(ConnectInfo(peer)) = peer.copied() {
        note_client(request.headers_mut(), peer, trusted);
    }
    next.run(request).await
}

fn forwarded_for(headers: &HeaderMap, trusted: usize) -> Option<String> {
    let chain: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let at = chain.len().checked_sub(trusted)?;
    chain
        .get(at)?
        .parse::<std::net::IpAddr>()
        .ok()
        .map(|ip| ip.to_string())
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, forwarded_for};

    #[test]
    fn only_entries_of_trusted_proxies_are_believed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-forwarded-for",
            "1.1.1.1, 2.2.2.2, 3.3.3.3".parse().unwrap(),
        );
        assert_eq!(forwarded_for(&headers, 1).as_deref(), Some("3.3.3.3"));
        assert_eq!(forwarded_for(&headers, 2).as_deref(), Some("2.2.2.2"));
        assert_eq!(forwarded_for(&headers, 4), None);
        headers.insert("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(forwarded_for(&headers, 1), None);
    }
}
